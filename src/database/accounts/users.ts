import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { lockName } from "../locks.ts";
import type { Db } from "../schema.ts";
import { deleteSessionsOf } from "./browser-sessions.ts";
import { isLastAdministrator } from "./account-removal.ts";
import { createAccount, lockAccount } from "./accounts.ts";

/**
 * Creates the first administrator, with the first free name. Returns `undefined` if there is a user already, so that
 * two servers that start at the same time create only one.
 */
export async function createFirstAdministrator(
  tx: Db,
  given: AuditContext & {
    readonly names: readonly string[];
    readonly passwordHash: string | undefined;
  },
): Promise<string | undefined> {
  await lockName(tx, "administrators");
  const user = await tx
    .selectFrom("accounts")
    .select("id")
    .where("kind", "=", "user")
    .executeTakeFirst();
  if (user !== undefined) return undefined;
  const { actor, nowMs, passwordHash } = given;
  for (const name of given.names) {
    // An administrator may access all repositories in the namespace anyway.
    const input = { name, kind: "user", isAdmin: true, takeOver: true } as const;
    const made = await createAccount(tx, { ...input, passwordHash, actor, nowMs });
    if (made !== undefined) return name;
  }
  throw new Error(
    `no administrator was created: ${given.names.join(", ")} are organisations; run "berth user add NAME --admin"`,
  );
}

interface ChangeUser extends AuditContext {
  readonly name: string;
  readonly isAdmin?: boolean | undefined;
  readonly disabled?: boolean | undefined;
  readonly passwordHash?: string | undefined;
  /** A browser session of the user that the new password does not end. */
  readonly keptSession?: string | undefined;
}

/** `last-administrator`: no enabled administrator would remain. */
type UserChange = "changed" | "unchanged" | "unknown" | "last-administrator";

export async function changeUser(
  tx: Db,
  { actor, nowMs, ...change }: ChangeUser,
): Promise<UserChange> {
  const { name } = change;
  await lockName(tx, "administrators");
  const before = await lockAccount(tx, name);
  if (before?.kind !== "user") return "unknown";
  const after = {
    isAdmin: change.isAdmin ?? before.isAdmin,
    disabled: change.disabled ?? before.disabled,
  };
  if (!(after.isAdmin && !after.disabled) && (await isLastAdministrator(tx, before)))
    return "last-administrator";

  const audit = (action: AuditAction): Promise<void> =>
    writeAudit(tx, { nowMs, actor, account: name, action, subject: name });
  const moved = {
    isAdmin: after.isAdmin !== before.isAdmin,
    disabled: after.disabled !== before.disabled,
  };
  if (change.passwordHash !== undefined) {
    await tx
      .updateTable("accounts")
      .set({ password_hash: change.passwordHash, password_changed_at: nowMs })
      .where("id", "=", before.id)
      .execute();
    await deleteSessionsOf(tx, before.id, { allBut: change.keptSession });
    await tx
      .updateTable("browser_sessions")
      .set({ password_at: nowMs })
      .where("account_id", "=", before.id)
      .execute();
    await audit("user.password");
  }
  if (moved.isAdmin || moved.disabled) {
    await tx
      .updateTable("accounts")
      .set({ is_admin: after.isAdmin ? 1 : 0, disabled: after.disabled ? 1 : 0 })
      .where("id", "=", before.id)
      .execute();
  }
  if (moved.disabled) await deleteSessionsOf(tx, before.id, { allBut: undefined });
  if (moved.isAdmin) await audit(after.isAdmin ? "user.admin.grant" : "user.admin.revoke");
  if (moved.disabled) await audit(after.disabled ? "user.disable" : "user.enable");
  const isChanged = moved.isAdmin || moved.disabled || change.passwordHash !== undefined;
  return isChanged ? "changed" : "unchanged";
}
