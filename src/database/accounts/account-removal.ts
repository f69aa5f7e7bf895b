import { sql } from "kysely";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { endWebhooks } from "../events/events.ts";
import { lockName, lockRows } from "../locks.ts";
import type { Db } from "../schema.ts";
import { countRepositories, findAccount, type Account, type AccountKind } from "./accounts.ts";

/* The deletion of an account, and what it must not remove: the last administrator, and the last owner of an organisation. */

export type AccountRemoval =
  | { readonly kind: "deleted" | "unknown" | "last-administrator" }
  /** The next account with this name would get them. */
  | { readonly kind: "has-repositories"; readonly count: number }
  /** Organisations that would have no owner. */
  | { readonly kind: "last-owner"; readonly organisations: readonly string[] };

/** Deletes an account with its memberships, teams, permissions, access tokens and the invites that it has sent. */
export async function deleteAccount(
  tx: Db,
  given: AuditContext & { readonly name: string; readonly kind: AccountKind },
): Promise<AccountRemoval> {
  const { name, kind, actor, nowMs } = given;
  await lockName(tx, "administrators");
  await lockName(tx, `namespace ${name}`);
  await lockWithOrganisations(tx, name);
  const account = await findAccount(tx, name);
  if (account?.kind !== kind) return { kind: "unknown" };
  if (await isLastAdministrator(tx, account)) return { kind: "last-administrator" };
  const count = await countRepositories(tx, name);
  if (count > 0) return { kind: "has-repositories", count };
  const organisations = await organisationsOwnedAlone(tx, account.id);
  if (organisations.length > 0) return { kind: "last-owner", organisations };
  const action = kind === "user" ? "user.delete" : "org.delete";
  // Before the account's row is deleted: the audit row takes its account id, so that a later account with this name
  // does not get the row.
  await writeAudit(tx, { nowMs, actor, account: name, action, subject: name });
  await endWebhooks(tx, name, nowMs);
  await tx.deleteFrom("accounts").where("id", "=", account.id).execute();
  // As when an owner loses the role: an invite is valid only as long as its sender may send it.
  await tx.deleteFrom("invites").where("inviter", "=", account.name).execute();
  // A later account with this name begins without rules that delete its tags.
  await tx.deleteFrom("retention_policies").where("scope", "=", account.name).execute();
  return { kind: "deleted" };
}

/** Locks an account that will be deleted. Locks the organisations that it owns, so that their other owners stay. */
async function lockWithOrganisations(tx: Db, name: string): Promise<void> {
  const owned = tx
    .selectFrom("accounts")
    .innerJoin("members", "members.organisation_id", "accounts.id")
    .innerJoin("accounts as owner", "owner.id", "members.user_id")
    .select("accounts.id")
    .where("owner.name", "=", name)
    .where("members.role", "=", "owner")
    .orderBy("accounts.id");
  const account = tx.selectFrom("accounts").select("id").where("name", "=", name);
  await lockRows(tx, owned, { mode: "change", table: "accounts" });
  await lockRows(tx, account, { mode: "remove", table: "accounts" });
  // The account may have become an owner while this command waited for its row.
  await lockRows(tx, owned, { mode: "change", table: "accounts" });
}

/** Names of the organisations that the user alone owns. */
export async function organisationsOwnedAlone(tx: Db, userId: number): Promise<readonly string[]> {
  const owned = await tx
    .selectFrom("members as own")
    .innerJoin("accounts", "accounts.id", "own.organisation_id")
    .select("accounts.name")
    .where("own.user_id", "=", userId)
    .where("own.role", "=", "owner")
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM members AS other WHERE other.organisation_id = own.organisation_id
        AND other.role = 'owner' AND other.user_id <> own.user_id)`,
    )
    .orderBy("accounts.name")
    .execute();
  return owned.map((row) => row.name);
}

/**
 * Whether no other enabled administrator would remain without this account. The caller has locked "administrators".
 */
export async function isLastAdministrator(tx: Db, account: Account): Promise<boolean> {
  if (!account.isAdmin || account.disabled) return false;
  const other = await tx
    .selectFrom("accounts")
    .select("id")
    .where("is_admin", "=", 1)
    .where("disabled", "=", 0)
    .where("id", "<>", account.id)
    .executeTakeFirst();
  return other === undefined;
}
