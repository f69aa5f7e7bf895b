import { randomUUID } from "node:crypto";
import { createVersionedCache } from "../../concurrency/bounded-cache.ts";
import { opensPath, type Action } from "../../database/permissions/repository-rules.ts";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import type { Grant, GrantedActions } from "../principal.ts";
import type { GrantedScopes } from "./grants.ts";
import type { Principal } from "../../database/permissions/principal.ts";
import { tokenLifeSeconds, type Keys } from "../signing-keys/keys.ts";
import { createSignedTokens } from "./signed-tokens.ts";

const grantableActions: readonly Action[] = ["pull", "push", "delete"];
/** The limit of the cache of verified tokens: about 20,000 tokens of 600 characters. */
const verifiedBytesAtMost = 40 * 1024 * 1024;
/** The usual size of a grant in memory. */
const grantBytes = 512;

/** An issued token with its lifetime and issue time. */
interface BearerToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAtMs: number;
}

export interface Bearer {
  sign(principal: Principal, grantedScopes: GrantedScopes): Promise<BearerToken>;
  /** The grant of a token; `undefined` if the token is not valid. */
  verify(token: string): Promise<Grant | undefined>;
  /** The same from the cache only, without I/O. */
  getCached(token: string): Grant | undefined;
}

/** Bearer tokens of the registry with the granted access. {@link createSignedTokens} describes the verification. */
export function createBearer(parts: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly service: string;
  readonly clock: () => number;
}): Bearer {
  const { keys, issuer, service, clock } = parts;
  /** Tokens with a verified signature. A new edition of the keys clears it, since a key may have been removed. */
  const cache = createVersionedCache<TokenGrant>({
    maxBytes: verifiedBytesAtMost,
    sizeOf: () => grantBytes,
  });
  const verified = () => cache(keys.edition());
  const find = (token: string): Grant | undefined => {
    const found = verified().get(token);
    return found !== undefined && found.expiresAtMs > clock() ? found : undefined;
  };
  const tokens = createSignedTokens({ keys, issuer, audience: service, clock });

  return {
    async sign(principal, grantedScopes) {
      const { entries, removals, absent } = grantedScopes;
      const claims = {
        sub: principal.kind === "anonymous" ? "" : principal.name,
        jti: randomUUID(),
        access: entries,
        berth: { identity: principalClaim(principal, grantedScopes), removals, absent },
      };
      const { token, issuedAtMs } = await tokens.sign(claims, tokenLifeSeconds);
      return { token, expiresInSeconds: tokenLifeSeconds, issuedAtMs };
    },
    async verify(token) {
      const known = find(token);
      if (known !== undefined) return known;
      // The cache from before the verification: a key may be removed meanwhile.
      const tokensNow = verified();
      const grant = parseGrant(await tokens.verify(token));
      if (grant !== undefined) tokensNow.set(token, grant);
      return grant;
    },
    getCached: find,
  };
}

/**
 * The resources of an organisation's token may be long. The bearer token includes only those that are read again: all
 * of them for the repository list, otherwise those that match repositories that do not exist yet.
 */
function principalClaim(principal: Principal, { entries, absent }: GrantedScopes): Principal {
  if (principal.kind !== "organisation" || entries.some(({ type }) => type === "registry"))
    return principal;
  const resources = principal.resources.filter(({ path }) =>
    absent.some((name) => opensPath(path, name)),
  );
  return { ...principal, resources };
}

type TokenGrant = Grant & { readonly expiresAtMs: number };

/**
 * The grant in the claims of a token with a verified signature. Returns `undefined` if a claim is missing that every
 * token of Berth has.
 */
function parseGrant(payload: unknown): TokenGrant | undefined {
  if (!isObject(payload)) return undefined;
  const { exp, nbf, access, berth } = payload;
  if (
    typeof exp !== "number" ||
    typeof nbf !== "number" ||
    !Array.isArray(access) ||
    !isObject(berth)
  )
    return undefined;
  const { identity: principal, removals, absent } = berth;
  if (!isPrincipal(principal) || typeof removals !== "number" || !Array.isArray(absent))
    return undefined;
  return {
    principal,
    actions: actionsOf(access),
    catalog: access.some(
      (entry) => isObject(entry) && entry["type"] === "registry" && entry["name"] === "catalog",
    ),
    removals,
    absent: new Set(absent.map(parseRepositoryName)),
    live: false,
    expiresAtMs: exp * 1000,
  };
}

/** By canonical name: a token for `alpine` is valid for `library/alpine`. */
function actionsOf(entries: readonly unknown[]): GrantedActions {
  const actions = new Map<RepositoryName, Set<Action>>();
  for (const entry of entries) {
    if (!isObject(entry) || entry["type"] !== "repository") continue;
    const { name, actions: named } = entry;
    if (typeof name !== "string" || !Array.isArray(named)) continue;
    const repository = parseRepositoryName(name);
    const held = actions.get(repository) ?? new Set();
    for (const action of grantableActions)
      if (named.includes(action) || named.includes("*")) held.add(action);
    actions.set(repository, held);
  }
  return actions;
}

function isPrincipal(value: unknown): value is Principal {
  if (!isObject(value)) return false;
  if (value["kind"] === "anonymous") return true;
  if (typeof value["accountId"] !== "number" || typeof value["name"] !== "string") return false;
  const { kind, by, accessToken } = value;
  if (kind === "organisation")
    return typeof accessToken === "string" && Array.isArray(value["resources"]);
  if (kind !== "user" || typeof value["isAdmin"] !== "boolean") return false;
  // A token without the credential kind is from an earlier version; its client requests a new one.
  return by === "password" || (by === "access-token" && typeof accessToken === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
