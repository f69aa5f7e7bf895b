import { sql } from "kysely";
import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { lockRows } from "../locks.ts";
import type { Db } from "../schema.ts";
import { findAccount, lockAccount } from "./accounts.ts";
import { addMember, findRole } from "./members.ts";
import type { MemberRole } from "./schema.ts";
import { addTeamMember, findTeam } from "./teams.ts";

export interface Invite {
  /** UUID. */
  readonly id: string;
  readonly organisation: string;
  readonly user: string;
  readonly team: string | null;
  readonly role: MemberRole;
  readonly inviter: string;
  readonly createdAtMs: number;
}

const invitesAtMost = 1000;

/**
 * The sender may invite users to the organisation now: an owner, an administrator, or the organisation by its token.
 */
const senderMayInvite = sql<boolean>`EXISTS (SELECT 1 FROM accounts AS sender
  WHERE sender.name = invites.inviter AND sender.disabled = 0 AND (sender.is_admin = 1
    OR sender.id = invites.organisation_id
    OR EXISTS (SELECT 1 FROM members WHERE members.organisation_id = invites.organisation_id
      AND members.user_id = sender.id AND members.role = 'owner')))`;

export function createInviteReads(db: Db) {
  const invites = () =>
    db
      .selectFrom("invites")
      .innerJoin("accounts as organisations", "organisations.id", "invites.organisation_id")
      .innerJoin("accounts as users", "users.id", "invites.user_id")
      .leftJoin("teams", "teams.id", "invites.team_id")
      .select([
        "invites.id as id",
        "organisations.name as organisation",
        "users.name as user",
        "teams.name as team",
        "invites.role as role",
        "invites.inviter as inviter",
        "invites.created_at as createdAtMs",
      ])
      .orderBy("users.name")
      .limit(invitesAtMost);
  return {
    ofOrganisation: (name: string): Promise<readonly Invite[]> =>
      invites().where("organisations.name", "=", name).execute(),
    /** The invites that the user can accept: without those whose sender can no longer invite users. */
    ofUser: (userId: number): Promise<readonly Invite[]> =>
      invites().where("invites.user_id", "=", userId).where(senderMayInvite).execute(),
    find: (id: string): Promise<Invite | undefined> =>
      invites().where("invites.id", "=", id).executeTakeFirst(),
  };
}

interface CreateInvite extends AuditContext {
  readonly id: string;
  readonly organisation: string;
  readonly user: string;
  readonly team?: string | undefined;
  readonly role: MemberRole;
}

/**
 * `existing-member`: the user is a member of the organisation. A second invite of the same user replaces the first,
 * with the new id.
 */
export async function createInvite(
  tx: Db,
  { actor, nowMs, id, organisation: name, user: invitee, team, role }: CreateInvite,
): Promise<
  "invited" | "existing-member" | "unknown-organisation" | "unknown-user" | "unknown-team"
> {
  const organisation = await lockAccount(tx, name);
  if (organisation?.kind !== "organisation") return "unknown-organisation";
  const found = team === undefined ? undefined : await findTeam(tx, { organisation: name, team });
  if (team !== undefined && found === undefined) return "unknown-team";
  const user = await findAccount(tx, invitee);
  if (user?.kind !== "user") return "unknown-user";
  if ((await findRole(tx, organisation.id, user.id)) !== undefined) return "existing-member";
  const values = {
    id,
    organisation_id: organisation.id,
    user_id: user.id,
    team_id: found?.id ?? null,
    role,
    inviter: actor.name,
    created_at: nowMs,
  };
  await tx
    .insertInto("invites")
    .values(values)
    .onConflict((conflict) => conflict.columns(["organisation_id", "user_id"]).doUpdateSet(values))
    .execute();
  await writeAudit(tx, {
    nowMs,
    actor,
    account: name,
    action: "org.member.invite.send",
    subject: invitee,
    data: { role, ...(team === undefined ? {} : { team }) },
  });
  return "invited";
}

/** Cancels or declines an invite. False if it does not exist. */
export async function deleteInvite(
  tx: Db,
  { actor, nowMs, id }: AuditContext & { readonly id: string },
): Promise<boolean> {
  const action = "org.member.invite.cancel";
  await lockOrganisation(tx, id);
  return (await endInvite(tx, { actor, nowMs, id, action })) !== undefined;
}

/**
 * Makes the actor, who must be the invitee, a member with the invite's role, and a member of its team, and deletes the
 * invite: all in one transaction, so that an invite is either accepted or cancelled. Returns false if the invite does
 * not exist, if it is for another user, or if its sender may no longer send it. A user who is already a member keeps
 * the role.
 */
export async function acceptInvite(
  tx: Db,
  { actor, nowMs, id }: AuditContext & { readonly id: string },
): Promise<boolean> {
  await lockOrganisation(tx, id);
  const found = await tx
    .selectFrom("invites")
    .select(["organisation_id", "user_id", "role"])
    .where("id", "=", id)
    .where(senderMayInvite)
    .executeTakeFirst();
  if (found === undefined || found.user_id !== actor.accountId) return false;
  const ended = await endInvite(tx, { actor, nowMs, id, action: "org.member.invite.accept" });
  if (ended === undefined) return false;
  const { organisation_id: organisationId, user_id: userId, role } = found;
  if ((await findRole(tx, organisationId, userId)) !== undefined) return true;
  const { organisation, user, team } = ended;
  await addMember(tx, { organisationId, userId, role, organisation, user, actor, nowMs });
  if (team !== null) await addTeamMember(tx, { organisation, team, user, actor, nowMs });
  return true;
}

/** Locks the organisation of an invite, so that one command ends the invite. */
async function lockOrganisation(tx: Db, id: string): Promise<void> {
  const organisation = tx
    .selectFrom("invites")
    .innerJoin("accounts", "accounts.id", "invites.organisation_id")
    .select("accounts.id")
    .where("invites.id", "=", id);
  await lockRows(tx, organisation, { mode: "change", table: "accounts" });
}

async function endInvite(
  tx: Db,
  {
    actor,
    nowMs,
    id,
    action,
  }: AuditContext & { readonly id: string; readonly action: AuditAction },
): Promise<Invite | undefined> {
  const invite = await createInviteReads(tx).find(id);
  if (invite === undefined) return undefined;
  await tx.deleteFrom("invites").where("id", "=", id).execute();
  const { organisation: account, user: subject } = invite;
  await writeAudit(tx, { nowMs, actor, account, action, subject });
  return invite;
}
