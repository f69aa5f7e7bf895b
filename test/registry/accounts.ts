import { as, type World } from "./support.ts";

/** Accounts: 11 root (admin), 12 mia, 13 tom, 14 zoe (disabled); 20 team: owner mia, editor tom, member kim. */
export async function withAccounts({ tables }: World): Promise<void> {
  await tables.exec(`
    INSERT INTO accounts (id, name, kind, is_admin, disabled, created_at) VALUES
      (11, 'root', 'user', 1, 0, 0), (12, 'mia', 'user', 0, 0, 0), (13, 'tom', 'user', 0, 0, 0),
      (14, 'zoe', 'user', 0, 1, 0), (15, 'kim', 'user', 0, 0, 0), (20, 'team', 'organisation', 0, 0, 0);
    INSERT INTO members (organisation_id, user_id, role, created_at) VALUES
      (20, 12, 'owner', 0), (20, 13, 'editor', 0), (20, 15, 'member', 0);`);
}
export const [root, mia, tom, zoe, kim] = [
  as(11, "root"),
  as(12, "mia"),
  as(13, "tom"),
  as(14, "zoe"),
  as(15, "kim"),
];
/** The rows that a query returns. */
export const rows = ({ tables }: World, query: string): Promise<readonly unknown[]> =>
  tables.rows(query);
