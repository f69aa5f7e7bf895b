import { randomUUID } from "node:crypto";
import { opensPath } from "../../database/permissions/repository-rules.ts";
import type { Grant } from "../principal.ts";
import { parseTokenClaims } from "./claims.ts";
import type { GrantedScopes } from "./grants.ts";
import type { Principal } from "../../database/permissions/identity.ts";
import { tokenLifeSeconds, type Keys } from "../signing-keys/keys.ts";
import { createSignedTokens } from "./signed-tokens.ts";
import { createVerifiedTokens } from "./verified-tokens.ts";

/** An issued token with its lifetime and issue time. */
export interface BearerToken {
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
  const verified = createVerifiedTokens({ clock, edition: () => keys.edition() });
  const tokens = createSignedTokens({ keys, issuer, audience: service, clock });

  return {
    async sign(principal, grantedScopes) {
      const { entries, removals, absent } = grantedScopes;
      const claims = {
        sub: principal.kind === "anonymous" ? "" : principal.name,
        jti: randomUUID(),
        access: entries,
        berth: { identity: spoken(principal, grantedScopes), removals, absent },
      };
      const { token, issuedAtMs } = await tokens.sign(claims, tokenLifeSeconds);
      return { token, expiresInSeconds: tokenLifeSeconds, issuedAtMs };
    },
    async verify(token) {
      const known = verified.find(token);
      if (known !== undefined) return known;
      const claims = parseTokenClaims(await tokens.verify(token));
      if (claims === undefined) return undefined;
      verified.keep(token, claims.grant, claims.expiresAtMs);
      return claims.grant;
    },
    getCached: (token) => verified.find(token),
  };
}

/**
 * The resources of an organisation's token may be long. The bearer token includes only those that are read again: all
 * of them for the repository list, otherwise those that match repositories that do not exist yet.
 */
function spoken(principal: Principal, { entries, absent }: GrantedScopes): Principal {
  if (principal.kind !== "organisation" || entries.some(({ type }) => type === "registry"))
    return principal;
  const resources = principal.resources.filter(({ path }) =>
    absent.some((name) => opensPath(path, name)),
  );
  return { ...principal, resources };
}
