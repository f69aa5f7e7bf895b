import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { lockRows } from "../locks.ts";
import { noAccountId } from "../query-parts.ts";
import { lockRepository } from "../registry/repositories.ts";
import type { Db } from "../schema.ts";
import { findAccount } from "./accounts.ts";
import { findRole } from "./members.ts";
import type { RepositoryRole } from "./schema.ts";

export interface Team {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly members: number;
}

export interface TeamPermission {
  readonly repository: RepositoryName;
  readonly permission: RepositoryRole;
}

export function createTeamReads(db: Db) {
  return {
    /** Teams of an organisation, in the order of their names. */
    list: (organisationId: number): Promise<readonly Team[]> =>
      db
        .selectFrom("teams")
        .select((query) => [
          "id",
          "name",
          "description",
          query
            .selectFrom("team_members")
            .select(({ fn }) => fn.countAll<number>().as("count"))
            .whereRef("team_id", "=", "teams.id")
            .$asScalar()
            .$notNull()
            .as("members"),
        ])
        .where("organisation_id", "=", organisationId)
        .orderBy("name")
        .execute(),

    async members(teamId: number): Promise<readonly string[]> {
      const rows = await db
        .selectFrom("team_members")
        .innerJoin("accounts", "accounts.id", "team_members.user_id")
        .select("accounts.name")
        .where("team_members.team_id", "=", teamId)
        .orderBy("accounts.name")
        .execute();
      return rows.map((row) => row.name);
    },

    /** The permissions of a team, in the order of the repository names. */
    permissions: (teamId: number): Promise<readonly TeamPermission[]> =>
      db
        .selectFrom("team_permissions")
        .innerJoin("repositories", "repositories.id", "team_permissions.repository_id")
        .select(["repositories.name as repository", "team_permissions.permission as permission"])
        .where("team_permissions.team_id", "=", teamId)
        .orderBy("repositories.name")
        .execute(),

    /** The teams that have a permission on a repository, by name. */
    onRepository: (repositoryId: number) =>
      db
        .selectFrom("team_permissions")
        .innerJoin("teams", "teams.id", "team_permissions.team_id")
        .select(["teams.id as id", "teams.name as name", "permission"])
        .where("team_permissions.repository_id", "=", repositoryId)
        .orderBy("teams.name")
        .execute(),

    /** Names of the organisation's teams that the user belongs to. */
    async namesOfUser(organisationId: number, user: string): Promise<ReadonlySet<string>> {
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

/** A team, by its name and that of its organisation. */
interface TeamChange extends AuditContext {
  readonly organisation: string;
  readonly team: string;
}

export async function createTeam(
  tx: Db,
  given: TeamChange & { readonly description: string },
): Promise<"created" | "exists" | "unknown-organisation"> {
  const { team: name, description, nowMs } = given;
  const organisation = await findAccount(tx, given.organisation);
  if (organisation?.kind !== "organisation") return "unknown-organisation";
  if ((await findTeam(tx, given)) !== undefined) return "exists";
  await tx
    .insertInto("teams")
    .values({ organisation_id: organisation.id, name, description, created_at: nowMs })
    .execute();
  await auditTeam(tx, given, "org.team.create");
  return "created";
}

interface UpdateTeam extends TeamChange {
  /** An absent field stays unchanged. */
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

/** `exists`: the organisation already has a team with the new name. */
export async function updateTeam(
  tx: Db,
  { name, description, ...given }: UpdateTeam,
): Promise<"updated" | "unknown-team" | "exists"> {
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const isRenamed = name !== undefined && name !== given.team;
  if (isRenamed && (await findTeam(tx, { ...given, team: name })) !== undefined) return "exists";
  const changes = {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
  if (Object.keys(changes).length === 0) return "updated";
  await tx.updateTable("teams").set(changes).where("id", "=", team.id).execute();
  await auditTeam(tx, given, "org.team.update", changes);
  return "updated";
}

export async function deleteTeam(tx: Db, given: TeamChange): Promise<"deleted" | "unknown-team"> {
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  await tx.deleteFrom("teams").where("id", "=", team.id).execute();
  await auditTeam(tx, given, "org.team.delete");
  return "deleted";
}

/** `not-a-member`: the user must be a member of the organisation first. */
export async function addTeamMember(
  tx: Db,
  given: TeamChange & { readonly user: string },
): Promise<"added" | "unchanged" | "unknown-team" | "not-a-member"> {
  // So that the user stays a member of the organisation.
  const organisation = tx
    .selectFrom("accounts")
    .select("id")
    .where("name", "=", given.organisation);
  await lockRows(tx, organisation, { mode: "change", table: "accounts" });
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const user = await findAccount(tx, given.user);
  if (user === undefined || (await findRole(tx, team.organisationId, user.id)) === undefined)
    return "not-a-member";
  const added = await tx
    .insertInto("team_members")
    .values({ team_id: team.id, user_id: user.id, created_at: given.nowMs })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (added.numInsertedOrUpdatedRows === 0n) return "unchanged";
  await auditTeam(tx, given, "org.team.member.add", { user: given.user });
  return "added";
}

export async function removeTeamMember(
  tx: Db,
  given: TeamChange & { readonly user: string },
): Promise<"removed" | "unknown-team" | "not-a-member"> {
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const user = await findAccount(tx, given.user);
  const removed = await tx
    .deleteFrom("team_members")
    .where("team_id", "=", team.id)
    .where("user_id", "=", user?.id ?? noAccountId)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n) return "not-a-member";
  await auditTeam(tx, given, "org.team.member.remove", { user: given.user });
  return "removed";
}

interface SetTeamPermission extends TeamChange {
  /** A repository of the team's organisation. */
  readonly repository: RepositoryName;
  /** `undefined` removes the permission. */
  readonly permission?: RepositoryRole | undefined;
}

export async function setTeamPermission(
  tx: Db,
  given: SetTeamPermission,
): Promise<"set" | "unknown-team" | "unknown-repository"> {
  const { repository, permission } = given;
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const isOwn = namespaceOf(repository) === given.organisation;
  const home = isOwn ? await lockRepository(tx, repository, "share") : undefined;
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

export async function findTeam(
  db: Db,
  { organisation, team }: Pick<TeamChange, "organisation" | "team">,
): Promise<{ readonly id: number; readonly organisationId: number } | undefined> {
  return db
    .selectFrom("teams")
    .innerJoin("accounts", "accounts.id", "teams.organisation_id")
    .select(["teams.id as id", "teams.organisation_id as organisationId"])
    .where("accounts.name", "=", organisation)
    .where("teams.name", "=", team)
    .executeTakeFirst();
}

function auditTeam(
  tx: Db,
  { actor, nowMs, organisation, team }: TeamChange,
  action: AuditAction,
  data: Record<string, string> = {},
): Promise<void> {
  return writeAudit(tx, { nowMs, actor, account: organisation, action, subject: team, data });
}
