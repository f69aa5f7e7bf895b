import { findAccount, type AuditContext } from "./accounts.ts";
import { writeAudit } from "../events/audit.ts";
import { findRole } from "./members.ts";
import type { Db } from "../schema.ts";

export interface Team {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly members: number;
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
  };
}

/** A team, by its name and that of its organisation. */
export interface TeamChange extends AuditContext {
  readonly organisation: string;
  readonly team: string;
}

async function createTeam(
  tx: Db,
  given: TeamChange & { readonly description: string },
): Promise<"created" | "exists" | "unknown-organisation"> {
  const organisation = await findAccount(tx, given.organisation);
  if (organisation?.kind !== "organisation") return "unknown-organisation";
  if ((await findTeam(tx, given)) !== undefined) return "exists";
  await tx
    .insertInto("teams")
    .values({
      organisation_id: organisation.id,
      name: given.team,
      description: given.description,
      created_at: given.nowMs,
    })
    .execute();
  await auditTeam(tx, given, "org.team.create");
  return "created";
}

async function deleteTeam(tx: Db, given: TeamChange): Promise<"deleted" | "unknown-team"> {
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

async function removeTeamMember(
  tx: Db,
  given: TeamChange & { readonly user: string },
): Promise<"removed" | "unknown-team" | "not-a-member"> {
  const team = await findTeam(tx, given);
  if (team === undefined) return "unknown-team";
  const user = await findAccount(tx, given.user);
  const removed = await tx
    .deleteFrom("team_members")
    .where("team_id", "=", team.id)
    .where("user_id", "=", user?.id ?? -1)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n) return "not-a-member";
  await auditTeam(tx, given, "org.team.member.remove", { user: given.user });
  return "removed";
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

export function auditTeam(
  tx: Db,
  { actor, nowMs, organisation, team }: TeamChange,
  action: string,
  data: Record<string, string> = {},
): Promise<void> {
  return writeAudit(tx, { nowMs, actor, account: organisation, action, subject: team, data });
}

export const teamCommands = { createTeam, deleteTeam, addTeamMember, removeTeamMember };
