import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { noAccountId, pageOf, type Page } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { findAccount, lockAccount, type Account } from "./accounts.ts";
import type { MemberRole } from "./schema.ts";

export interface Member {
  readonly name: string;
  readonly role: MemberRole;
  readonly sinceMs: number;
}

export function createMemberReads(db: Db) {
  return {
    /** Members of an organisation, in the order of their names, after `last`. */
    async list(
      organisationId: number,
      page: { readonly last?: string | undefined; readonly limit: number },
    ): Promise<Page<Member>> {
      const rows = await db
        .selectFrom("members")
        .innerJoin("accounts", "accounts.id", "members.user_id")
        .select(["accounts.name as name", "members.role as role", "members.created_at as sinceMs"])
        .where("members.organisation_id", "=", organisationId)
        .where("accounts.name", ">", page.last ?? "")
        .orderBy("accounts.name")
        .limit(page.limit + 1)
        .execute();
      return pageOf(rows, page.limit);
    },
  };
}

interface MemberChange extends AuditContext {
  readonly organisation: string;
  readonly user: string;
}

/** `last-owner`: the organisation would have no owner. */
export type MemberRejection = "unknown-organisation" | "unknown-user" | "last-owner";

export interface SetMember extends MemberChange {
  readonly role: MemberRole;
  /**
   * Whether a user who is not a member is added. An owner cannot add a user who has not agreed; an invite is needed.
   */
  readonly newcomers: "add" | "refuse" | "add-if-actor-is-administrator";
}

/** Sets the role of a member, or adds a user as `newcomers` allows. */
export async function setMember(
  tx: Db,
  given: SetMember,
): Promise<"added" | "changed" | "unchanged" | "not-a-member" | MemberRejection> {
  const found = await findBoth(tx, given);
  if (typeof found === "string") return found;
  const { organisation, user, before } = found;
  const { role, actor, nowMs } = given;
  const names = { organisation: organisation.name, user: user.name };
  if (before === undefined) {
    if (!(await mayAdd(tx, given))) return "not-a-member";
    const ids = { organisationId: organisation.id, userId: user.id };
    await addMember(tx, { ...ids, ...names, role, actor, nowMs });
    return "added";
  }
  if (before === role) return "unchanged";
  if (role !== "owner" && (await isLastOwner(tx, organisation, user))) return "last-owner";
  await tx
    .updateTable("members")
    .set({ role })
    .where("organisation_id", "=", organisation.id)
    .where("user_id", "=", user.id)
    .execute();
  if (role !== "owner") await endInvitesOf(tx, organisation, user);
  await audit(tx, given, "org.member.role.change", { role });
  return "changed";
}

async function mayAdd(tx: Db, { newcomers, actor }: SetMember): Promise<boolean> {
  if (newcomers !== "add-if-actor-is-administrator") return newcomers === "add";
  const row = await tx
    .selectFrom("accounts")
    .select("is_admin")
    .where("id", "=", actor.accountId ?? noAccountId)
    .executeTakeFirst();
  return row?.is_admin === 1;
}

/** Adds a member. Deletes an open invite of the user, so that it does not change the role later. */
export async function addMember(
  tx: Db,
  given: MemberChange & {
    readonly organisationId: number;
    readonly userId: number;
    readonly role: MemberRole;
  },
): Promise<void> {
  const { organisationId, userId, role, nowMs } = given;
  const pair = { organisation_id: organisationId, user_id: userId };
  await tx
    .insertInto("members")
    .values({ ...pair, role, created_at: nowMs })
    .execute();
  await tx
    .deleteFrom("invites")
    .where("organisation_id", "=", organisationId)
    .where("user_id", "=", userId)
    .execute();
  await audit(tx, given, "org.member.add", { role });
}

/** Invites that a former owner has sent are deleted: its sender may no longer invite. */
async function endInvitesOf(tx: Db, organisation: Account, user: Account): Promise<void> {
  await tx
    .deleteFrom("invites")
    .where("organisation_id", "=", organisation.id)
    .where("inviter", "=", user.name)
    .execute();
}

/** Removes a user from an organisation and from its teams. */
export async function removeMember(
  tx: Db,
  given: MemberChange,
): Promise<"removed" | "not-a-member" | MemberRejection> {
  const found = await findBoth(tx, given);
  if (typeof found === "string") return found;
  const { organisation, user, before } = found;
  if (before === undefined) return "not-a-member";
  if (await isLastOwner(tx, organisation, user)) return "last-owner";
  await tx
    .deleteFrom("team_members")
    .where("user_id", "=", user.id)
    .where("team_id", "in", (query) =>
      query.selectFrom("teams").select("id").where("organisation_id", "=", organisation.id),
    )
    .execute();
  await tx
    .deleteFrom("members")
    .where("organisation_id", "=", organisation.id)
    .where("user_id", "=", user.id)
    .execute();
  await endInvitesOf(tx, organisation, user);
  await audit(tx, given, "org.member.remove");
  return "removed";
}

/** Finds a user and an organisation whose members change. Locks the organisation, so that no other command does. */
async function findBoth(tx: Db, given: MemberChange) {
  const organisation = await lockAccount(tx, given.organisation);
  if (organisation?.kind !== "organisation") return "unknown-organisation" as const;
  const user = await findAccount(tx, given.user);
  if (user?.kind !== "user") return "unknown-user" as const;
  return { organisation, user, before: await findRole(tx, organisation.id, user.id) };
}

export async function findRole(
  tx: Db,
  organisationId: number,
  userId: number,
): Promise<MemberRole | undefined> {
  const row = await tx
    .selectFrom("members")
    .select("role")
    .where("organisation_id", "=", organisationId)
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return row?.role;
}

async function isLastOwner(tx: Db, organisation: Account, user: Account): Promise<boolean> {
  const owners = await tx
    .selectFrom("members")
    .select("user_id")
    .where("organisation_id", "=", organisation.id)
    .where("role", "=", "owner")
    .limit(2)
    .execute();
  return owners.length === 1 && owners[0]?.user_id === user.id;
}

function audit(
  tx: Db,
  { actor, nowMs, organisation, user }: MemberChange,
  action: AuditAction,
  data: Record<string, string> = {},
): Promise<void> {
  return writeAudit(tx, { nowMs, actor, account: organisation, action, subject: user, data });
}
