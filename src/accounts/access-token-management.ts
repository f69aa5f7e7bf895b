import { AccountError } from "./errors.ts";
import type { Accounts } from "./accounts.ts";
import { checkResources } from "./token-resources.ts";
import type { TokenOrigin } from "../database/accounts/access-token-changes.ts";
import type { AccessToken, TokenResource } from "../database/accounts/access-tokens.ts";
import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";

export type { TokenResource };

/** An access token with the client that created it. */
export interface TokenWithOrigin extends AccessToken {
  readonly origin: TokenOrigin | undefined;
}

export type AccessTokenCatalog = ReturnType<typeof createAccessTokenCatalog>;

/** Access tokens of users and organisations. Methods throw AccountError. */
export function createAccessTokenCatalog(parts: {
  readonly database: Database;
  readonly accounts: Pick<Accounts, "accessTokens">;
  readonly clock: () => number;
}) {
  const { database, accounts, clock } = parts;

  /** Newest first. Throws AccountError if there is no such account. */
  const list = async (account: string): Promise<readonly TokenWithOrigin[]> => {
    const owner = await database.accounts.find(account);
    if (owner === undefined) throw new AccountError("unknown", `there is no account ${account}`);
    const tokens = await database.accessTokens.list(owner.id);
    const clientInfo = await database.tokenOrigins.list(owner.id);
    const byId = new Map(clientInfo.map((origin) => [origin.id, origin]));
    return tokens.map((token) => ({ ...token, origin: byId.get(token.id) })).toReversed();
  };
  const find = async (account: string, id: string): Promise<TokenWithOrigin> => {
    const found = (await list(account)).find((token) => token.id === id);
    if (found === undefined) throw new AccountError("unknown", "there is no such access token");
    return found;
  };

  return {
    list,
    find,
    async issue(
      actor: Actor,
      given: Parameters<Accounts["accessTokens"]["issue"]>[1],
    ): Promise<TokenWithOrigin & { readonly secret: string }> {
      const { id, secret } = await accounts.accessTokens.issue(actor, given);
      return { ...(await find(given.account, id)), secret };
    },
    async update(
      actor: Actor,
      account: string,
      id: string,
      change: {
        readonly label?: string | undefined;
        readonly description?: string | undefined;
        readonly isActive?: boolean | undefined;
        readonly resources?: readonly TokenResource[] | undefined;
      },
    ): Promise<TokenWithOrigin> {
      const problem =
        change.resources === undefined ? undefined : checkResources(account, change.resources);
      if (problem !== undefined) throw new AccountError("invalid", problem);
      const owner = await database.accounts.find(account);
      const accountId = owner?.id ?? -1;
      const input = { ...change, accountId, id, actor, nowMs: clock() };
      if (!(await database.run("updateAccessToken", input)))
        throw new AccountError("unknown", "there is no such access token");
      return find(account, id);
    },
    revoke: (actor: Actor, account: string, id: string): Promise<void> =>
      accounts.accessTokens.revoke(actor, account, id),
  };
}
