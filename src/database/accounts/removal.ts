import { sql } from "kysely";
import { countRepositories, findAccount, type AccountKind, type AuditContext } from "./accounts.ts";
import { writeAudit } from "../events/audit.ts";
import type { Db } from "../schema.ts";
import { isLastAdministrator } from "./users.ts";

export type AccountRemoval =
  | { readonly kind: "deleted" | "unknown" | "last-administrator" }
  /** The next account with this name would get them. */
  | { readonly kind: "has-repositories"; readonly count: number }
  /** Organisations that would have no owner. */
  | { readonly kind: "last-owner"; readonly organisations: readonly string[] };

/** Deletes an account with its memberships, teams, permissions, access tokens and the invites that it has sent. */
async function deleteAccount(
  tx: Db,
  {
    actor,
    nowMs,
    name,
    kind,
  }: AuditContext & { readonly name: string; readonly kind: AccountKind },
): Promise<AccountRemoval> {
  const account = await findAccount(tx, name);
  if (account?.kind !== kind) return { kind: "unknown" };
  if (await isLastAdministrator(tx, account)) return { kind: "last-administrator" };
  const count = await countRepositories(tx, name);
  if (count > 0) return { kind: "has-repositories", count };
  const owned = await tx
    .selectFrom("members as own")
    .innerJoin("accounts", "accounts.id", "own.organisation_id")
    .select("accounts.name")
    .where("own.user_id", "=", account.id)
    .where("own.role", "=", "owner")
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM members AS other WHERE other.organisation_id = own.organisation_id
        AND other.role = 'owner' AND other.user_id <> own.user_id)`,
    )
    .orderBy("accounts.name")
    .execute();
  if (owned.length > 0) return { kind: "last-owner", organisations: owned.map((row) => row.name) };
  const action = kind === "user" ? "user.delete" : "org.delete";
  // Before the account's row is deleted: the audit row takes its account id, so that a later account with this name
  // does not get the row.
  await writeAudit(tx, { nowMs, actor, account: name, action, subject: name });
  await tx.deleteFrom("accounts").where("id", "=", account.id).execute();
  // As when an owner loses the role: an invite is valid only as long as its sender may send it.
  await tx.deleteFrom("invites").where("inviter", "=", account.name).execute();
  return { kind: "deleted" };
}

export const accountRemovalCommands = { deleteAccount };
