import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { Db } from "../schema.ts";
import { lockAccount, type AccountKind } from "./accounts.ts";

export interface UserName {
  readonly name: string;
  readonly fullName: string;
}

/** Greater than every character of an account name. */
const afterNames = "~";

export function createProfileReads(db: Db) {
  return {
    /** The enabled users whose names begin with the prefix, in the order of their names. */
    usersBeginning: (prefix: string, limit: number): Promise<readonly UserName[]> =>
      db
        .selectFrom("accounts")
        .select(["name", "full_name as fullName"])
        .where("name", ">=", prefix)
        .where("name", "<", `${prefix}${afterNames}`)
        .where("kind", "=", "user")
        .where("disabled", "=", 0)
        .orderBy("name")
        .limit(limit)
        .execute(),
  };
}

interface ChangeProfile extends AuditContext {
  readonly name: string;
  readonly kind: AccountKind;
  /** An absent field stays unchanged. */
  readonly fullName?: string | undefined;
  /** `null` removes the address. */
  readonly email?: string | null | undefined;
}

/** Changes what an account says about itself. */
export async function changeProfile(
  tx: Db,
  { name, kind, fullName, email, actor, nowMs }: ChangeProfile,
): Promise<"changed" | "unchanged" | "unknown"> {
  const before = await lockAccount(tx, name);
  if (before?.kind !== kind) return "unknown";
  const after = {
    full_name: fullName ?? before.fullName,
    email: email === undefined ? before.email : email,
  };
  const changed = [
    ...(after.full_name === before.fullName ? [] : ["full_name"]),
    ...(after.email === before.email ? [] : ["email"]),
  ];
  if (changed.length === 0) return "unchanged";
  await tx.updateTable("accounts").set(after).where("id", "=", before.id).execute();
  const action = kind === "user" ? "user.update" : "org.update";
  const data = { changed: changed.join(",") };
  await writeAudit(tx, { nowMs, actor, account: name, action, subject: name, data });
  return "changed";
}
