import { randomInt } from "node:crypto";
import type { Metadata } from "../metadata/metadata.ts";
import { passwordLength, type Passwords } from "./passwords.ts";

/** The administrator that a first start has made. */
export interface FirstAdministrator {
  readonly name: string;
  /** To be shown once, and never to be logged; `undefined` if it was configured. */
  readonly password: string | undefined;
}

/** In case organisations have the first ones. */
const names = ["admin", "administrator", "berth-admin", "berth-administrator"];
/** Without what is easily taken for something else. */
const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
const groups = 4;
const groupLength = 5;

/**
 * Makes an administrator where there is no user yet. `undefined` if there is one: the configured password is then
 * not looked at. Throws if that is too short.
 */
export async function createFirstAdministrator(parts: {
  readonly metadata: Pick<Metadata, "accounts" | "run">;
  readonly passwords: Passwords;
  readonly clock: () => number;
  /** `auth.adminPassword`. */
  readonly configured: string | undefined;
}): Promise<FirstAdministrator | undefined> {
  const { metadata, passwords, clock, configured } = parts;
  const { items } = await metadata.accounts.list({ kind: "user", limit: 1 });
  if (items.length > 0) return undefined;
  if (configured !== undefined && configured.length < passwordLength.min)
    throw new Error(`auth.adminPassword has less than ${passwordLength.min} characters`);
  const password = configured ?? generatePassword();
  const name = await metadata.run("createFirstAdministrator", {
    names,
    passwordHash: await passwords.hash(password),
    actor: { accountId: null, name: "berth", peer: "" },
    nowMs: clock(),
  });
  if (name === undefined) return undefined;
  return { name, password: configured === undefined ? password : undefined };
}

/** 100 random bits that can be typed: `k3fqa-…`. */
export function generatePassword(): string {
  const group = (): string =>
    Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join("");
  return Array.from({ length: groups }, group).join("-");
}
