import { randomInt } from "node:crypto";
import type { Database } from "../database/database.ts";
import { systemActor } from "../database/permissions/authority.ts";
import { passwordLength, type Passwords } from "../auth/passwords.ts";

/** In case organisations have the first ones. */
const names = ["admin", "administrator", "berth-admin", "berth-administrator"];
/** Without what is easily taken for something else. */
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
const groups = 4;
const groupLength = 5;

/**
 * Makes an administrator where there is no user yet, and does nothing if there is one: the configured password is then
 * not read. Without a configured password the account has none until `berth user password` sets it: a password
 * that is made up here would have to be printed, and what a server prints stays in the logs of a container.
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

/** 100 random bits that can be typed: `k3fqa-…`. */
export function generatePassword(): string {
  const group = (): string =>
    Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
