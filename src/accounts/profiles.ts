import type { AccountKind } from "../database/accounts/accounts.ts";
import type { UserName } from "../database/accounts/profiles.ts";
import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { unknownAccount } from "./errors.ts";

/** An absent field stays unchanged. */
interface ProfileChange {
  readonly fullName?: string | undefined;
  /** `null` removes the address. */
  readonly email?: string | null | undefined;
}

export type Profiles = ReturnType<typeof createProfiles>;

/** What accounts say about themselves. */
export function createProfiles(parts: {
  readonly database: Pick<Database, "profiles" | "commands">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;
  return {
    /** Throws AccountError if there is no such account of this kind. */
    async change(
      actor: Actor,
      account: { readonly name: string; readonly kind: AccountKind },
      profile: ProfileChange,
    ): Promise<void> {
      const input = { ...account, ...profile, actor, nowMs: clock() };
      if ((await database.commands.changeProfile(input)) === "unknown")
        throw unknownAccount(account.kind, account.name);
    },

    /** The enabled users whose names begin with the prefix, in the order of their names. */
    usersBeginning: (prefix: string, limit: number): Promise<readonly UserName[]> =>
      database.profiles.usersBeginning(prefix.toLowerCase(), limit),
  };
}
