import { randomUUID } from "node:crypto";
import { opensPath } from "../../database/permissions/repository-rules.ts";
import type { Grant } from "../principal.ts";
import { parseTokenClaims } from "./claims.ts";
import type { GrantedScopes } from "./grants.ts";
import type { Principal } from "../../database/permissions/identity.ts";
import { tokenLifeSeconds, type Keys } from "../signing-keys/keys.ts";
import { createSignedTokens } from "./signed-tokens.ts";
import { createVerifiedTokens } from "./verified-tokens.ts";

/** A token that was given out, and what its receiver has to know. */
export interface BearerToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAtMs: number;
}

export interface Bearer {
  sign(principal: Principal, grantedScopes: GrantedScopes): Promise<BearerToken>;
  /** Who a token speaks for; `undefined` if it is not one of ours, or not good any more. */
  verify(token: string): Promise<Grant | undefined>;
  /** The same where it is known already. */
  getCached(token: string): Grant | undefined;
}

/** Tokens that say what was granted to whom; see {@link createSignedTokens} for how narrowly they are verified. */
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
 * What an organisation's token opens is told only where it is asked for again, since it may be long: for the list of
 * repositories, and for those that are still to be made.
 */
function spoken(principal: Principal, { entries, absent }: GrantedScopes): Principal {
  if (principal.kind !== "organisation" || entries.some(({ type }) => type === "registry"))
    return principal;
  const resources = principal.resources.filter(({ path }) =>
    absent.some((name) => opensPath(path, name)),
  );
  return { ...principal, resources };
}
