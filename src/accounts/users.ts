import type { Account } from "../database/accounts/accounts.ts";
import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";
import type { Page } from "../database/registry/repositories.ts";
import { AccountError } from "./errors.ts";
import { removeAccount } from "./removal.ts";
import { parseAccountName } from "./names.ts";
import { passwordLength, type Passwords } from "../auth/passwords.ts";
import { looksLikeToken } from "../auth/tokens/secret.ts";

export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly isAdmin?: boolean | undefined;
  readonly fullName?: string | undefined;
  readonly email?: string | undefined;
  /** The account takes over the repositories that are already in the namespace of its name and have no account. */
  readonly takeOver?: boolean | undefined;
}

export type Users = ReturnType<typeof createUsers>;

/** Users and their passwords. Methods throw AccountError. */
export function createUsers(parts: {
  readonly database: Pick<Database, "accounts" | "run">;
  readonly passwords: Passwords;
  readonly clock: () => number;
}) {
  const { database, passwords, clock } = parts;

  const hash = (password: string): Promise<string> => {
    const { min, max } = passwordLength;
    if (password.length < min || password.length > max)
      throw new AccountError("invalid", `a password has from ${min} to ${max} characters`);
    if (looksLikeToken(password))
      throw new AccountError("invalid", "this is an access token and can't be a password");
    return passwords.hash(password);
  };

  /** True if the row changed. */
  const change = async (
    actor: Actor,
    name: string,
    change: { isAdmin?: boolean; disabled?: boolean; passwordHash?: string },
  ): Promise<boolean> => {
    const outcome = await database.run("changeUser", { name, ...change, actor, nowMs: clock() });
    switch (outcome) {
      case "changed":
        return true;
      case "unchanged":
        return false;
      case "unknown":
        throw unknownUser(name);
      case "last-administrator":
        throw lastAdministrator(name);
    }
  };

  return {
    async add(actor: Actor, { password, ...user }: NewUser): Promise<void> {
      const name = parseAccountName(user.name);
      if ((await database.accounts.find(name)) !== undefined) throw nameTaken(name);
      const passwordHash = await hash(password);
      const made = await database.run("createAccount", {
        ...user,
        name,
        kind: "user",
        passwordHash,
        actor,
        nowMs: clock(),
      });
      if (made === undefined) throw nameTaken(name);
      if (typeof made === "object") throw namespaceInUse(name, made.repositories);
    },
    list: (page: {
      readonly last?: string | undefined;
      readonly limit: number;
    }): Promise<Page<Account>> => database.accounts.list({ kind: "user", ...page }),
    setDisabled: (actor: Actor, name: string, disabled: boolean): Promise<boolean> =>
      change(actor, name, { disabled }),
    setAdmin: (actor: Actor, name: string, isAdmin: boolean): Promise<boolean> =>
      change(actor, name, { isAdmin }),
    /** Bearer tokens of the old password stay valid for at most 5 minutes; access tokens stay valid. */
    async setPassword(actor: Actor, name: string, password: string): Promise<void> {
      await change(actor, name, { passwordHash: await hash(password) });
    },
    delete: (actor: Actor, name: string): Promise<void> =>
      removeAccount(database, { name, kind: "user", actor, nowMs: clock() }),
  };
}

export function nameTaken(name: string): AccountError {
  return new AccountError("exists", `there is an account ${name} already`);
}

/** A new account gets the repositories in its namespace; the operator must confirm this with `--take-over`. */
export function namespaceInUse(name: string, repositories: number): AccountError {
  const advice = "say --take-over if they are to be theirs, or take another name";
  return new AccountError(
    "conflict",
    `there are repositories in ${name} (${repositories}) that no account has: ${advice}`,
  );
}

export function unknownUser(name: string): AccountError {
  return new AccountError("unknown", `there is no user ${name}`);
}

function lastAdministrator(name: string): AccountError {
  const first = "make another user one first";
  return new AccountError("conflict", `${name} is the last administrator: ${first}`);
}
