import type { Db } from "../schema.ts";
import { auditTeam, findTeam, type TeamChange } from "./teams.ts";

export interface UpdateTeam extends TeamChange {
  /** An absent field stays unchanged. */
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

/** `exists`: the organisation already has a team with the new name. */
async function updateTeam(
  tx: Db,
  { name, description, ...given }: UpdateTeam,
): Promise<"updated" | "unknown-team" | "exists"> {
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const { organisation } = given;
  if (name !== undefined && name !== given.team) {
    if ((await findTeam(tx, { organisation, team: name })) !== undefined) return "exists";
  }
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  if (Object.keys(changes).length === 0) return "updated";
  await tx.updateTable("teams").set(changes).where("id", "=", team.id).execute();
  await auditTeam(tx, given, "org.team.update", changes);
  return "updated";
}

export function createTeamGrantReads(db: Db) {
  return {
    /** The teams that have a permission on a repository, by name. */
    ofRepository: (repositoryId: number) =>
      db
        .selectFrom("team_permissions")
        .innerJoin("teams", "teams.id", "team_permissions.team_id")
        .select([
          "teams.id as id",
          "teams.name as name",
          "team_permissions.permission as permission",
        ])
        .where("team_permissions.repository_id", "=", repositoryId)
        .orderBy("teams.name")
        .execute(),

    /** Names of the organisation's teams that the user belongs to. */
    async ofUser(organisationId: number, user: string): Promise<ReadonlySet<string>> {
      const rows = await db
        .selectFrom("team_members")
        .innerJoin("teams", "teams.id", "team_members.team_id")
        .innerJoin("accounts", "accounts.id", "team_members.user_id")
        .select("teams.name as name")
        .where("teams.organisation_id", "=", organisationId)
        .where("accounts.name", "=", user)
        .execute();
      return new Set(rows.map(({ name }) => name));
    },
  };
}

export const teamChangeCommands = { updateTeam };
