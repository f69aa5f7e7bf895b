import type { Account } from "../database/accounts/accounts.ts";
import type { Database } from "../database/contract.ts";
import { systemActor, type Actor } from "../database/permissions/authority.ts";
import type { Page } from "../database/query-parts.ts";
import { AccountError, unknownAccount } from "./errors.ts";
import {
  addAccount,
  removeAccount,
  lastAdministrator,
  nameTaken,
  parseAccountName,
} from "./account-lifecycle.ts";
import { passwordLength, type Passwords } from "../auth/passwords.ts";
import { looksLikeToken } from "../auth/tokens/secret.ts";

interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly isAdmin?: boolean | undefined;
  readonly fullName?: string | undefined;
  readonly email?: string | undefined;
  /** The account takes over the repositories that are already in the namespace of its name and have no account. */
  readonly takeOver?: boolean | undefined;
}

interface UserState {
  readonly isAdmin?: boolean | undefined;
  readonly disabled?: boolean | undefined;
}

/** The first administrator gets the first free name: an organisation may have the others. */
const administratorNames = ["admin", "administrator", "berth-admin", "berth-administrator"];

export type Users = ReturnType<typeof createUsers>;

/** Users and their passwords. Methods throw AccountError. */
export function createUsers(parts: {
  readonly database: Pick<Database, "accounts" | "commands">;
  readonly passwords: Passwords;
  readonly clock: () => number;
}) {
  const { database, passwords, clock } = parts;

  const hash = (password: string): Promise<string> => {
    const { min, max } = passwordLength;
    if (password.length < min || password.length > max)
      throw new AccountError("invalid", `a password must have from ${min} to ${max} characters`);
    if (looksLikeToken(password))
      throw new AccountError("invalid", "an access token cannot be a password: choose another");
    return passwords.hash(password);
  };

  /** True if the row changed. */
  const change = async (
    actor: Actor,
    name: string,
    change: {
      isAdmin?: boolean;
      disabled?: boolean;
      passwordHash?: string;
      keptSession?: string | undefined;
    },
  ): Promise<boolean> => {
    const outcome = await database.commands.changeUser({ name, ...change, actor, nowMs: clock() });
    switch (outcome) {
      case "changed":
        return true;
      case "unchanged":
        return false;
      case "unknown":
        throw unknownAccount("user", name);
      case "last-administrator":
        throw lastAdministrator(name);
    }
  };

  return {
    async add(actor: Actor, { password, ...user }: NewUser): Promise<void> {
      const name = parseAccountName(user.name);
      if ((await database.accounts.find(name)) !== undefined) throw nameTaken(name);
      const passwordHash = await hash(password);
      const account = { ...user, name, kind: "user", passwordHash } as const;
      await addAccount(database, { ...account, actor, nowMs: clock() });
    },
    list: (page: {
      readonly last?: string | undefined;
      readonly limit: number;
    }): Promise<Page<Account>> => database.accounts.list({ kind: "user", ...page }),
    /** True if the row changed. An absent field stays. */
    set: (actor: Actor, name: string, { isAdmin, disabled }: UserState): Promise<boolean> =>
      change(actor, name, {
        ...(isAdmin !== undefined && { isAdmin }),
        ...(disabled !== undefined && { disabled }),
      }),
    setDisabled: (actor: Actor, name: string, disabled: boolean): Promise<boolean> =>
      change(actor, name, { disabled }),
    setAdmin: (actor: Actor, name: string, isAdmin: boolean): Promise<boolean> =>
      change(actor, name, { isAdmin }),
    /**
     * Bearer tokens of the old password stay valid for at most 5 minutes; access tokens stay valid. The sessions of the
     * user end.
     * @param keptSession the browser session in which the user sets the password; it continues
     */
    async setPassword(
      actor: Actor,
      name: string,
      password: string,
      keptSession?: string,
    ): Promise<void> {
      await change(actor, name, { passwordHash: await hash(password), keptSession });
    },
    delete: (actor: Actor, name: string): Promise<void> =>
      removeAccount(database, { name, kind: "user", actor, nowMs: clock() }),
  };
}

/**
 * Creates an administrator if there is no user yet. If there is one, it does nothing and ignores the configured
 * password. Without a configured password the account has none until `berth user password` sets it: a generated
 * password would have to be printed, and the output of a server stays in the container's logs.
 * Throws if the configured password is too short.
 */
export async function bootstrapAdministrator(parts: {
  readonly database: Pick<Database, "accounts" | "commands">;
  readonly passwords: Passwords;
  readonly clock: () => number;
  /** `auth.adminPassword`. */
  readonly configured: string | undefined;
}): Promise<void> {
  const { database, passwords, clock, configured } = parts;
  const { items } = await database.accounts.list({ kind: "user", limit: 1 });
  if (items.length > 0) return;
  if (configured !== undefined && configured.length < passwordLength.min)
    throw new Error(`auth.adminPassword must have at least ${passwordLength.min} characters`);
  await database.commands.createFirstAdministrator({
    names: administratorNames,
    passwordHash: configured === undefined ? undefined : await passwords.hash(configured),
    actor: systemActor("berth"),
    nowMs: clock(),
  });
}
