import { randomUUID } from "node:crypto";
import type { AccessToken } from "../database/accounts/access-tokens.ts";
import type { Account } from "../database/accounts/accounts.ts";
import type { Actor } from "../database/events/audit.ts";
import type { Database } from "../database/database.ts";
import { AccountError } from "./errors.ts";
import {
  personalScopes,
  type PersonalScope,
  type TokenResource,
} from "../database/permissions/identity.ts";
import { checkResources } from "./token-resources.ts";
import { hashTokenSecret, generateTokenSecret } from "../auth/tokens/secret.ts";

export interface NewAccessToken {
  /** Name of a user or an organisation. */
  readonly account: string;
  readonly label: string;
  readonly description?: string | undefined;
  /** `undefined`: the token never expires. */
  readonly expiresAtMs?: number | undefined;
  /** Required for a user's token, not allowed for an organisation's. */
  readonly scope?: string | undefined;
  /** 1 to 50, required for an organisation's token, not allowed for a user's. */
  readonly resources?: readonly TokenResource[] | undefined;
  readonly agent?: string | undefined;
}

export interface IssuedToken {
  readonly id: string;
  /** Returned once; only its hash is stored. */
  readonly secret: string;
}

const maxLabelLength = 100;

export type AccessTokens = ReturnType<typeof createAccessTokens>;

/** Issues and revokes access tokens. Methods throw AccountError. */
export function createAccessTokens(parts: {
  readonly database: Pick<Database, "accounts" | "accessTokens" | "run">;
  readonly clock: () => number;
}) {
  const { database, clock } = parts;
  const find = async (name: string): Promise<Account> => {
    const account = await database.accounts.find(name);
    if (account === undefined) throw new AccountError("unknown", `there is no account ${name}`);
    return account;
  };

  return {
    async issue(actor: Actor, given: NewAccessToken): Promise<IssuedToken> {
      const account = await find(given.account);
      const nowMs = clock();
      const { label, description = "", expiresAtMs = null } = given;
      if (label === "" || label.length > maxLabelLength)
        throw invalid(`a token's label has from 1 to ${maxLabelLength} characters`);
      if (expiresAtMs !== null && !(expiresAtMs > nowMs))
        throw invalid("a token can't expire in the past");
      const power = account.kind === "user" ? ofUser(given) : ofOrganisation(given);
      const id = randomUUID();
      const secret = generateTokenSecret(account.kind === "user" ? "personal" : "organisation");
      const made = await database.run("createAccessToken", {
        id,
        accountId: account.id,
        label,
        description,
        secretHash: hashTokenSecret(secret),
        ...power,
        expiresAtMs,
        creatorAgent: given.agent ?? "",
        actor,
        nowMs,
      });
      if (!made) throw new AccountError("unknown", `there is no account ${given.account}`);
      return { id, secret };
    },
    async list(account: string): Promise<readonly AccessToken[]> {
      return database.accessTokens.list((await find(account)).id);
    },
    async revoke(actor: Actor, account: string, id: string): Promise<void> {
      const { id: accountId } = await find(account);
      const input = { accountId, id, actor, nowMs: clock() };
      if (!(await database.run("deleteAccessToken", input)))
        throw new AccountError("unknown", `${account} has no access token ${id}`);
    },
  };
}

function ofUser({ scope, resources }: NewAccessToken): { readonly scopes: PersonalScope[] } {
  if (resources !== undefined) throw invalid("a user's token has a scope, no resources");
  const known = personalScopes.find((one) => one === scope);
  if (known === undefined)
    throw invalid(`a user's token has one of the scopes ${personalScopes.join(", ")}`);
  return { scopes: [known] };
}

function ofOrganisation({ account, scope, resources = [] }: NewAccessToken): {
  readonly scopes: string[];
  readonly resources: readonly TokenResource[];
} {
  if (scope !== undefined) throw invalid("an organisation's token has resources, no scope");
  const problem = checkResources(account, resources);
  if (problem !== undefined) throw invalid(problem);
  return { scopes: [], resources };
}

function invalid(message: string): AccountError {
  return new AccountError("invalid", message);
}
