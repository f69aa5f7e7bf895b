import { sql } from "kysely";
import { escapeLike } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import {
  accountColumns,
  accountOf,
  countRepositories,
  findAccount,
  type Account,
  type AccountKind,
} from "./accounts.ts";
import { isLastAdministrator, organisationsOwnedAlone } from "./account-removal.ts";

/* Accounts as administrators see them. */

export interface AccountDependents {
  readonly repositories: number;
  /** Organisations that the user alone owns. */
  readonly organisations: readonly string[];
  readonly isLastAdministrator: boolean;
}

export function createAccountPageReads(db: Db) {
  return {
    /** A page by its number, and the number of all accounts that match. `search`: a part of the name, full name or email. */
    async page(wanted: {
      readonly kind: AccountKind;
      readonly search: string;
      readonly limit: number;
      readonly offset: number;
    }): Promise<{ readonly count: number; readonly items: readonly Account[] }> {
      // As `lower` in both databases: only the letters of ASCII.
      const search = wanted.search.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
      const pattern = `%${escapeLike(search)}%`;
      const all = db.selectFrom("accounts").where("kind", "=", wanted.kind);
      const matching =
        wanted.search === ""
          ? all
          : all.where(
              sql<boolean>`(name LIKE ${pattern} ESCAPE '\\' OR lower(full_name) LIKE ${pattern} ESCAPE '\\'
                OR lower(email) LIKE ${pattern} ESCAPE '\\')`,
            );
      const { count } = await matching
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      const { limit, offset } = wanted;
      const page = matching.select(accountColumns).orderBy("name").limit(limit).offset(offset);
      return { count, items: (await page.execute()).map(accountOf) };
    },

    /** What prevents the deletion of an account; `undefined`: there is no such account. */
    async dependents(name: string, kind: AccountKind): Promise<AccountDependents | undefined> {
      const account = await findAccount(db, name);
      if (account?.kind !== kind) return undefined;
      return {
        repositories: await countRepositories(db, name),
        organisations: await organisationsOwnedAlone(db, account.id),
        isLastAdministrator: await isLastAdministrator(db, account),
      };
    },
  };
}
