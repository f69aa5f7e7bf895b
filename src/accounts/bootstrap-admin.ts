import { randomInt } from "node:crypto";
import type { Database } from "../database/database.ts";
import { systemActor } from "../database/permissions/authority.ts";
import { passwordLength, type Passwords } from "../auth/passwords.ts";

/** Several names, in case an organisation has the first ones. */
const names = ["admin", "administrator", "berth-admin", "berth-administrator"];
/** Without letters and digits that look alike. */
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
const groups = 4;
const groupLength = 5;

/**
 * Creates an administrator if there is no user yet. If there is one, it does nothing and ignores the configured
 * password. Without a configured password the account has none until `berth user password` sets it: a generated
 * password would have to be printed, and the output of a server stays in the container's logs.
 * Throws if the configured password is too short.
 */
export async function bootstrapAdministrator(parts: {
  readonly database: Pick<Database, "accounts" | "run">;
  readonly passwords: Passwords;
  readonly clock: () => number;
  /** `auth.adminPassword`. */
  readonly configured: string | undefined;
}): Promise<void> {
  const { database, passwords, clock, configured } = parts;
  const { items } = await database.accounts.list({ kind: "user", limit: 1 });
  if (items.length > 0) return;
  if (configured !== undefined && configured.length < passwordLength.min)
    throw new Error(`auth.adminPassword has less than ${passwordLength.min} characters`);
  await database.run("createFirstAdministrator", {
    names,
    passwordHash: configured === undefined ? undefined : await passwords.hash(configured),
    actor: systemActor("berth"),
    nowMs: clock(),
  });
}

/** 100 random bits in a form that is easy to type: `k3fqa-…`. */
export function generatePassword(): string {
  const group = (): string =>
    Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
