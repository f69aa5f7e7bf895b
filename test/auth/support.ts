import { openTestDatabase } from "../support/database.ts";

const people = `
  INSERT INTO accounts (name, kind, is_admin, disabled, created_at) VALUES
    ('team', 'organisation', 0, 0, 1), ('root', 'user', 1, 0, 1), ('gone', 'user', 0, 1, 1), ('mia', 'user', 0, 0, 1),
    ('ann', 'user', 0, 0, 1), ('ed', 'user', 0, 0, 1), ('tom', 'user', 0, 0, 1), ('bob', 'user', 0, 0, 1);
  INSERT INTO repositories (name, namespace, created_at, updated_at, visibility) VALUES
    ('team/app', 'team', 1, 1, 'private'), ('team/public', 'team', 1, 1, 'public'), ('mia/own', 'mia', 1, 1, 'private');
  INSERT INTO members SELECT team.id, people.id, role, 1 FROM accounts AS team, accounts AS people
    JOIN (SELECT 'ann' AS name, 'owner' AS role UNION SELECT 'ed', 'editor' UNION SELECT 'tom', 'member') AS given
    ON given.name = people.name WHERE team.name = 'team';
  INSERT INTO teams (organisation_id, name, created_at) SELECT id, 'devs', 1 FROM accounts WHERE name = 'team';
  INSERT INTO team_members SELECT teams.id, accounts.id, 1 FROM teams, accounts WHERE accounts.name = 'tom';
  INSERT INTO team_permissions SELECT teams.id, repositories.id, 'write' FROM teams, repositories
    WHERE repositories.name = 'team/app';
  INSERT INTO collaborators SELECT repositories.id, accounts.id, 'read' FROM repositories, accounts
    WHERE repositories.name = 'team/app' AND accounts.name IN ('bob', 'tom');
`;

/** Opens a database with accounts. */
export async function openWithAccounts() {
  const { tables, ...database } = await openTestDatabase();
  await tables.exec(people);
  const rows = await tables.rows<{ name: string; id: number }>("SELECT name, id FROM accounts");
  return {
    database,
    ids: new Map(rows.map(({ name, id }) => [name, id])),
    exec: (text: string) => tables.exec(text),
  };
}
