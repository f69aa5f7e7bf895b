import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { findRepository } from "../registry/repositories.ts";
import type { Db, RepositoryRole } from "../schema.ts";
import { auditTeam, findTeam, type TeamChange } from "./teams.ts";

export interface TeamPermission {
  readonly repository: RepositoryName;
  readonly permission: RepositoryRole;
}

export function createTeamPermissionReads(db: Db) {
  return {
    list: (teamId: number): Promise<readonly TeamPermission[]> =>
      db
        .selectFrom("team_permissions")
        .innerJoin("repositories", "repositories.id", "team_permissions.repository_id")
        .select(["repositories.name as repository", "team_permissions.permission as permission"])
        .where("team_permissions.team_id", "=", teamId)
        .orderBy("repositories.name")
        .execute(),
  };
}

export interface SetTeamPermission extends TeamChange {
  /** A repository of the team's organisation. */
  readonly repository: RepositoryName;
  /** `undefined` removes the permission. */
  readonly permission?: RepositoryRole | undefined;
}

async function setTeamPermission(
  tx: Db,
  given: SetTeamPermission,
): Promise<"set" | "unknown-team" | "unknown-repository"> {
  const { repository, permission } = given;
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const home =
    namespaceOf(repository) === given.organisation
      ? await findRepository(tx, repository)
      : undefined;
  if (home === undefined) return "unknown-repository";
  if (permission === undefined) {
    await tx
      .deleteFrom("team_permissions")
      .where("team_id", "=", team.id)
      .where("repository_id", "=", home.id)
      .execute();
  } else {
    await tx
      .insertInto("team_permissions")
      .values({ team_id: team.id, repository_id: home.id, permission })
      .onConflict((conflict) =>
        conflict.columns(["team_id", "repository_id"]).doUpdateSet({ permission }),
      )
      .execute();
  }
  const data = { repository, permission: permission ?? "none" };
  await auditTeam(tx, given, "org.team.permission", data);
  return "set";
}

export const teamPermissionCommands = { setTeamPermission };
