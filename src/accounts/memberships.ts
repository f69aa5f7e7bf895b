import type { Account } from "../database/accounts/accounts.ts";
import type { AuditEntry, AuditQuery } from "../database/events/audit.ts";
import type { MemberDetails, Membership } from "../database/accounts/memberships.ts";
import type { Database } from "../database/database.ts";
import type { MemberRole } from "../database/schema.ts";
import { AccountError } from "./errors.ts";
import type { Listing } from "../catalog/repositories.ts";

export type { Account, AuditEntry, MemberDetails, Membership, MemberRole };

export interface NumberedPage {
  readonly page: number;
  readonly size: number;
}

export type AccountCatalog = ReturnType<typeof createAccountCatalog>;

const namespacesAtMost = 1000;

/** Accounts as the Hub-shaped API shows them. */
export function createAccountCatalog({ database }: { readonly database: Database }) {
  const organisation = async (name: string): Promise<Account> => {
    const found = await database.accounts.find(name);
    if (found?.kind === "organisation") return found;
    throw new AccountError("unknown", `there is no organisation ${name}`);
  };

  return {
    /** Throws AccountError if there is no such organisation. */
    organisation,

    async user(name: string): Promise<Account> {
      const found = await database.accounts.find(name);
      if (found?.kind === "user") return found;
      throw new AccountError("unknown", `there is no user ${name}`);
    },

    async organisationsOf(userId: number, page: NumberedPage): Promise<Listing<Membership>> {
      return {
        count: await database.memberships.countOfUser(userId),
        items: await database.memberships.ofUser(userId, windowOf(page)),
      };
    },

    /**
     * Namespaces in which a user may create repositories: the user's own first, then organisations as owner or editor.
     */
    async namespacesOf({ accountId, name }: { accountId: number; name: string }) {
      const all = { limit: namespacesAtMost, offset: 0 };
      const organisations = await database.memberships.ofUser(accountId, all);
      const open = organisations.filter(({ role }) => role !== "member");
      return [name, ...open.map((one) => one.name)];
    },

    /** Throws AccountError if there is no such organisation. */
    async members(
      name: string,
      asked: NumberedPage & {
        readonly search?: string | undefined;
        readonly role?: MemberRole | undefined;
      },
    ): Promise<Listing<MemberDetails>> {
      const { id } = await organisation(name);
      const { search, role } = asked;
      return database.memberships.list(id, { search, role, ...windowOf(asked) });
    },

    /** Throws AccountError if there is no such member. */
    async member(name: string, user: string): Promise<MemberDetails> {
      const { id } = await organisation(name);
      const { items } = await database.memberships.list(id, { search: user, ...everything });
      const found = items.find((member) => member.name === user);
      if (found === undefined)
        throw new AccountError("unknown", `${user} is not a member of ${name}`);
      return found;
    },

    /**
     * Audit rows of the account that has the name now. If no account has it, the rows of all former accounts of this
     * name; only an administrator gets this far then.
     */
    async audit(query: AuditQuery & { readonly account: string }): Promise<readonly AuditEntry[]> {
      const accountId = (await database.accounts.find(query.account))?.id;
      return database.audit.list({ ...query, accountId });
    },
  };
}

const everything = { limit: 10_000, offset: 0 };

export const windowOf = ({ page, size }: NumberedPage) => ({
  limit: size,
  offset: (page - 1) * size,
});
