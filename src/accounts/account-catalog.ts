import type { Account } from "../database/accounts/accounts.ts";
import type { AuditLogQuery } from "../database/events/audit-log.ts";
import type { AuditEntry, AuditQuery } from "../database/events/audit.ts";
import type { MemberDetails, Membership } from "../database/accounts/memberships.ts";
import type { Database } from "../database/contract.ts";
import type { MemberRole } from "../database/accounts/schema.ts";
import { windowOf, type Listing, type NumberedPage } from "../oci/page.ts";
import { notAMember, unknownAccount } from "./errors.ts";
import { findOrganisation } from "./organisations.ts";

export type { Account, MemberDetails };

export type AccountCatalog = ReturnType<typeof createAccountCatalog>;

const namespacesAtMost = 1000;
const membersAtMost = 10_000;

/** Accounts as the Hub-shaped API shows them. */
export function createAccountCatalog({ database }: { readonly database: Database }) {
  return {
    /** Throws AccountError if there is no such organisation. */
    organisation: (name: string): Promise<Account> => findOrganisation(database, name),

    /** Throws AccountError if there is no such user. */
    async user(name: string): Promise<Account> {
      const found = await database.accounts.find(name);
      if (found?.kind === "user") return found;
      throw unknownAccount("user", name);
    },

    /** The account of a namespace; `undefined` if there is none. */
    find: (name: string): Promise<Account | undefined> => database.accounts.find(name),

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
      const creatable = organisations.filter(({ role }) => role !== "member");
      return [name, ...creatable.map((one) => one.name)];
    },

    /** Throws AccountError if there is no such organisation. */
    async members(
      name: string,
      asked: NumberedPage & {
        readonly search?: string | undefined;
        readonly role?: MemberRole | undefined;
      },
    ): Promise<Listing<MemberDetails>> {
      const { id } = await findOrganisation(database, name);
      const { search, role } = asked;
      return database.memberships.list(id, { search, role, ...windowOf(asked) });
    },

    /** Throws AccountError if there is no such member. */
    async member(name: string, user: string): Promise<MemberDetails> {
      const { id } = await findOrganisation(database, name);
      const all = { limit: membersAtMost, offset: 0 };
      const { items } = await database.memberships.list(id, { search: user, ...all });
      const found = items.find((member) => member.name === user);
      if (found === undefined) throw notAMember(user, name);
      return found;
    },

    /** The same rows as of `audit`, without pages. */
    async auditQuery(query: AuditLogQuery & { readonly account: string }): Promise<AuditLogQuery> {
      return { ...query, accountId: (await database.accounts.find(query.account))?.id };
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
