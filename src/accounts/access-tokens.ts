import { randomUUID } from "node:crypto";
import { generateTokenSecret, hashTokenSecret } from "../auth/tokens/secret.ts";
import type { TokenOrigin, AccessToken } from "../database/accounts/access-tokens.ts";
import type { Account } from "../database/accounts/accounts.ts";
import type { Database } from "../database/contract.ts";
import type { Actor } from "../database/permissions/authority.ts";
import {
  personalScopes,
  type PersonalScope,
  type TokenResource,
} from "../database/permissions/principal.ts";
import { AccountError, unknownAccount } from "./errors.ts";

interface NewAccessToken {
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

/** An absent field stays unchanged. */
interface AccessTokenChange {
  readonly label?: string | undefined;
  readonly description?: string | undefined;
  readonly isActive?: boolean | undefined;
  readonly resources?: readonly TokenResource[] | undefined;
}

/** An access token with the client that created it. */
export interface TokenWithOrigin extends AccessToken {
  readonly origin: TokenOrigin | undefined;
}

interface IssuedToken extends TokenWithOrigin {
  /** Returned once; only its hash is stored. */
  readonly secret: string;
}

interface AccessTokenParts {
  readonly database: Pick<Database, "accounts" | "accessTokens" | "commands">;
  readonly clock: () => number;
}

const maxLabelLength = 100;
const maxResources = 50;
const maxPathLength = 255;
/** Every public repository; any token may pull from it. */
const everythingPublic = "*/*/public";

/** Scopes per resource type of an organisation's token, as in the Hub API. */
const scopesOf: Readonly<Record<TokenResource["type"], readonly string[]>> = {
  TYPE_REPO: [
    "scope-image-pull",
    "scope-image-push",
    "scope-image-delete",
    "scope-repository-read",
    "scope-repository-edit",
    "scope-repository-admin",
    "scope-tag-read",
    "scope-tag-admin",
    "scope-webhook-read",
    "scope-webhook-edit",
    "scope-webhook-admin",
    "scope-repo-group-read",
    "scope-repo-group-edit",
    "scope-repo-group-admin",
    "scope-repository-settings-admin",
  ],
  TYPE_ORG: [
    "scope-member-read",
    "scope-member-edit",
    "scope-invite-read",
    "scope-invite-edit",
    "scope-group-read",
    "scope-group-edit",
    "scope-activity-read",
    "scope-report-read",
    "scope-repository-create",
    "scope-repository-list",
    "scope-registry-usage-read",
  ],
};

/** Access tokens of users and organisations. Methods throw AccountError. */
export class AccessTokens {
  readonly #database: AccessTokenParts["database"];
  readonly #clock: () => number;

  constructor({ database, clock }: AccessTokenParts) {
    this.#database = database;
    this.#clock = clock;
  }

  /** Newest first. */
  async list(account: string): Promise<readonly TokenWithOrigin[]> {
    const { id } = await this.#account(account);
    const tokens = await this.#database.accessTokens.list(id);
    const origins = await this.#database.accessTokens.origins(id);
    const originOf = new Map(origins.map((origin) => [origin.id, origin]));
    return tokens.map((token) => ({ ...token, origin: originOf.get(token.id) })).toReversed();
  }

  async find(account: string, id: string): Promise<TokenWithOrigin> {
    const found = (await this.list(account)).find((token) => token.id === id);
    if (found === undefined) throw unknownToken(account, id);
    return found;
  }

  async issue(actor: Actor, given: NewAccessToken): Promise<IssuedToken> {
    const { kind, id: accountId } = await this.#account(given.account);
    const nowMs = this.#clock();
    const { label, description = "", expiresAtMs = null } = given;
    if (label === "" || label.length > maxLabelLength)
      throw invalid(`a token's label must have from 1 to ${maxLabelLength} characters`);
    if (expiresAtMs !== null && !(expiresAtMs > nowMs))
      throw invalid("a token cannot expire in the past: give a later time");
    const allowed = kind === "user" ? scopesOfUser(given) : resourcesOfOrganisation(given);
    const id = randomUUID();
    const secret = generateTokenSecret(kind === "user" ? "personal" : "organisation");
    const isCreated = await this.#database.commands.createAccessToken({
      id,
      accountId,
      label,
      description,
      secretHash: hashTokenSecret(secret),
      ...allowed,
      expiresAtMs,
      creatorAgent: given.agent ?? "",
      actor,
      nowMs,
    });
    if (!isCreated) throw unknownAccount("account", given.account);
    return { ...(await this.find(given.account, id)), secret };
  }

  async update(
    actor: Actor,
    account: string,
    id: string,
    change: AccessTokenChange,
  ): Promise<TokenWithOrigin> {
    const problem = change.resources && checkResources(account, change.resources);
    if (problem !== undefined) throw invalid(problem);
    const { id: accountId } = await this.#account(account);
    const input = { ...change, accountId, id, actor, nowMs: this.#clock() };
    if (!(await this.#database.commands.updateAccessToken(input))) throw unknownToken(account, id);
    return this.find(account, id);
  }

  async revoke(actor: Actor, account: string, id: string): Promise<void> {
    const { id: accountId } = await this.#account(account);
    const input = { accountId, id, actor, nowMs: this.#clock() };
    if (!(await this.#database.commands.deleteAccessToken(input))) throw unknownToken(account, id);
  }

  async #account(name: string): Promise<Account> {
    const account = await this.#database.accounts.find(name);
    if (account === undefined) throw unknownAccount("account", name);
    return account;
  }
}

function scopesOfUser({ scope, resources }: NewAccessToken): { readonly scopes: PersonalScope[] } {
  if (resources !== undefined) throw invalid("a user's token must have a scope and no resources");
  const known = personalScopes.find((one) => one === scope);
  if (known === undefined)
    throw invalid(`a user's token must have one of the scopes ${personalScopes.join(", ")}`);
  return { scopes: [known] };
}

function resourcesOfOrganisation({ account, scope, resources = [] }: NewAccessToken): {
  readonly scopes: string[];
  readonly resources: readonly TokenResource[];
} {
  if (scope !== undefined)
    throw invalid("an organisation's token must have resources and no scope");
  const problem = checkResources(account, resources);
  if (problem !== undefined) throw invalid(problem);
  return { scopes: [], resources };
}

/** The problem of the resources of an organisation's token as a message; `undefined` if they are valid. */
export function checkResources(
  organisation: string,
  resources: readonly TokenResource[],
): string | undefined {
  if (resources.length === 0 || resources.length > maxResources)
    return `an organisation's token must have from 1 to ${maxResources} resources`;
  for (const { type, path, scopes } of resources) {
    const isOwn =
      type === "TYPE_ORG"
        ? path === organisation
        : (path.startsWith(`${organisation}/`) && path.length <= maxPathLength) ||
          path === everythingPublic;
    if (!isOwn)
      return `${path} is not in ${organisation}: write ${organisation}/REPOSITORY or ${organisation}/*`;
    const allowed = scopesOf[type];
    const foreign = scopes.find((scope) => !allowed.includes(scope));
    if (foreign !== undefined)
      return `${path} cannot have ${foreign}; it can have ${allowed.join(", ")}`;
    if (scopes.length === 0) return `${path} has no scopes: give at least one`;
  }
  return undefined;
}

function invalid(message: string): AccountError {
  return new AccountError("invalid", message);
}

const unknownToken = (account: string, id: string): AccountError =>
  new AccountError("unknown", `${account} has no access token ${id}`);
