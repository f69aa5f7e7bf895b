import type { Accounts } from "../../accounts/accounts.ts";
import type { Account } from "../../database/accounts/accounts.ts";
import type { AuditEntry, AuditQuery } from "../../database/events/audit.ts";
import type { Actor } from "../../database/permissions/authority.ts";
import type { Member } from "../../database/accounts/members.ts";

/*
 * What the commands for accounts do, on a data folder or on a running server: both have the same methods, so that a
 * command is written once and its output is the same.
 */

type Users = Accounts["users"];
type Organisations = Accounts["organisations"];
type Teams = Accounts["teams"];
type AccessTokens = Accounts["accessTokens"];

/** The methods of a part, without the actor as the first argument. */
type Acting<Part, Names extends keyof Part> = {
  readonly [N in Names]: Part[N] extends (actor: Actor, ...rest: infer R) => infer T
    ? (...rest: R) => T
    : never;
};

export interface TeamName {
  readonly organisation: string;
  readonly team: string;
}

export interface ListedAudit {
  readonly entries: readonly Omit<AuditEntry, "id">[];
  /** The age at which entries are deleted; `undefined`: never. */
  readonly keptMs: number | undefined;
}

export interface AdministeredAccounts {
  readonly users: Acting<Users, "add" | "setDisabled" | "setAdmin" | "setPassword" | "delete"> & {
    readonly list: () => AsyncIterable<Omit<Account, "id" | "kind">>;
  };
  readonly organisations: Acting<
    Organisations,
    "add" | "delete" | "changeRole" | "addMember" | "removeMember"
  > & {
    readonly list: () => AsyncIterable<Pick<Account, "name" | "fullName" | "createdAtMs">>;
    readonly members: (organisation: string) => AsyncIterable<Member>;
  };
  readonly teams: {
    readonly list: (
      organisation: string,
    ) => Promise<readonly { name: string; description: string; members: number }[]>;
    readonly permissions: (
      team: TeamName,
    ) => Promise<readonly { readonly repository: string; readonly permission: string }[]>;
    readonly members: Teams["members"];
  } & Acting<Teams, "add" | "delete" | "addMember" | "removeMember" | "setPermission">;
  readonly accessTokens: {
    readonly issue: (
      given: Parameters<AccessTokens["issue"]>[1],
    ) => Promise<{ readonly id: string; readonly secret: string }>;
    readonly list: (
      account: string,
    ) => Promise<readonly Omit<Awaited<ReturnType<AccessTokens["list"]>>[number], "origin">[]>;
    readonly revoke: (account: string, id: string) => Promise<void>;
  };
  readonly audit: {
    readonly list: (query: AuditQuery) => Promise<ListedAudit>;
  };
}

/**
 * The accounts of a data folder, changed by `actor`.
 * @param keptMs `audit.keep`
 */
export function localAccounts(
  accounts: Accounts,
  actor: Actor,
  keptMs: number | undefined,
): AdministeredAccounts {
  const { users, organisations, teams, accessTokens, audit } = accounts;
  return {
    users: {
      ...acting(users, actor, "add", "setDisabled", "setAdmin", "setPassword", "delete"),
      list: () => everyPage(users.list),
    },
    organisations: {
      ...acting(organisations, actor, "add", "delete"),
      ...acting(organisations, actor, "addMember", "changeRole", "removeMember"),
      list: () => everyPage(organisations.list),
      members: (name) => everyPage((page) => organisations.members(name, page)),
    },
    teams: {
      ...acting(teams, actor, "add", "delete", "addMember", "removeMember", "setPermission"),
      list: (organisation) => teams.list(organisation),
      members: (team) => teams.members(team),
      permissions: (team) => teams.permissions(team),
    },
    accessTokens: {
      issue: (given) => accessTokens.issue(actor, given),
      list: (account) => accessTokens.list(account),
      revoke: (account, id) => accessTokens.revoke(actor, account, id),
    },
    audit: { list: async (query) => ({ entries: await audit.list(query), keptMs }) },
  };
}

function acting<Part, Names extends keyof Part>(
  part: Part,
  actor: Actor,
  ...names: readonly Names[]
): Acting<Part, Names> {
  const bound = names.map((name) => {
    const method = part[name] as (actor: Actor, ...rest: unknown[]) => unknown;
    return [name, (...rest: unknown[]) => method(actor, ...rest)] as const;
  });
  return Object.fromEntries(bound) as unknown as Acting<Part, Names>;
}

/** The items of all pages of a list. */
async function* everyPage<Item extends { readonly name: string }>(
  list: (page: { last?: string | undefined; limit: number }) => Promise<{
    readonly items: readonly Item[];
    readonly more: boolean;
  }>,
): AsyncIterable<Item> {
  let last: string | undefined;
  for (;;) {
    const { items, more } = await list({ last, limit: 500 });
    yield* items;
    last = items.at(-1)?.name;
    if (!more) return;
  }
}
