import type { Account, AccountKind } from "../database/accounts/accounts.ts";
import type { Database } from "../database/contract.ts";
import { defaultNamespace } from "../oci/name.ts";
import { windowOf, type Listing, type NumberedPage } from "../oci/page.ts";
import { dependentsOf } from "./account-lifecycle.ts";
import { unknownAccount } from "./errors.ts";
import { defaultStays } from "./organisations.ts";

export type AccountDirectory = ReturnType<typeof createAccountDirectory>;

/** All users and organisations, for administrators. Methods throw AccountError. */
export function createAccountDirectory({
  database,
}: {
  readonly database: Pick<Database, "accounts" | "accountPages">;
}) {
  return {
    /** By name; `search` is a part of the name, full name or email. */
    list: (
      kind: AccountKind,
      wanted: NumberedPage & { readonly search: string },
    ): Promise<Listing<Account>> =>
      database.accountPages.page({ kind, search: wanted.search, ...windowOf(wanted) }),

    async find(kind: AccountKind, name: string): Promise<Account> {
      const found = await database.accounts.find(name);
      if (found?.kind === kind) return found;
      throw unknownAccount(kind, name);
    },

    /** What prevents the deletion of an account, in sentences. */
    async dependents(kind: AccountKind, name: string): Promise<readonly string[]> {
      const found = await database.accountPages.dependents(name, kind);
      if (found === undefined) throw unknownAccount(kind, name);
      return name === defaultNamespace ? [defaultStays] : dependentsOf(name, found);
    },
  };
}
