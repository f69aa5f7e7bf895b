import { randomUUID } from "node:crypto";
import jwt from "jsonwebtoken";
import type { Caller } from "./caller.ts";
import { claimsOf, type Claims } from "./claims.ts";
import type { Grant } from "./grants.ts";
import type { Identity } from "./identity.ts";
import { tokenLifeSeconds, type Keys } from "./keys.ts";
import { opensPath } from "./token-resources.ts";
import { createVerifiedTokens } from "./verified-tokens.ts";

/** A token that was given out, and what its receiver has to know. */
export interface BearerToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAtMs: number;
}

export interface Bearer {
  sign(identity: Identity, grant: Grant): Promise<BearerToken>;
  /** Who a token speaks for; `undefined` if it is not one of ours, or not good any more. */
  verify(token: string): Promise<Caller | undefined>;
  /** The same where it is known already. */
  peek(token: string): Caller | undefined;
}

/** Enough for a hundred scopes with long names; whatever is longer is not looked at. */
const longestToken = 48 * 1024;
/** Another replica's clock, or ours after it was set back, may be behind. */
const clockSkewSeconds = 60;
/** Three parts of base64url, none of them empty. */
const form = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Tokens that Berth signs and nobody else does. Verification is narrow: the key is one of ours by its id, the algorithm
 * is that key's, and a header with anything beyond what we write is refused, so that none of a token's words on how to
 * verify it is ever followed.
 */
export function createBearer(parts: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly service: string;
  readonly clock: () => number;
}): Bearer {
  const { keys, issuer, service, clock } = parts;
  const verified = createVerifiedTokens({ clock, edition: () => keys.edition() });

  const verify = async (token: string): Promise<Claims | undefined> => {
    if (token.length > longestToken || !form.test(token)) return undefined;
    const header = headerOf(token);
    if (header === undefined) return undefined;
    const key = await keys.find(header.kid);
    if (key === undefined || key.algorithm !== header.alg) return undefined;
    try {
      const payload = jwt.verify(token, key.publicKey, {
        algorithms: [key.algorithm],
        issuer,
        audience: service,
        clockTimestamp: clock() / 1000,
      });
      return claimsOf(payload);
    } catch (error) {
      if (error instanceof jwt.JsonWebTokenError) return undefined;
      throw error;
    }
  };

  return {
    async sign(identity, grant) {
      const { entries, removals, absent } = grant;
      const key = await keys.signing();
      const issuedAtMs = clock();
      const now = Math.floor(issuedAtMs / 1000);
      const claims = {
        iss: issuer,
        sub: identity.kind === "anonymous" ? "" : identity.name,
        aud: service,
        exp: now + tokenLifeSeconds,
        nbf: now - clockSkewSeconds,
        iat: now,
        jti: randomUUID(),
        access: entries,
        berth: { identity: spoken(identity, grant), removals, absent },
      };
      const token = jwt.sign(claims, key.privateKey, { algorithm: key.algorithm, keyid: key.id });
      return { token, expiresInSeconds: tokenLifeSeconds, issuedAtMs };
    },
    async verify(token) {
      const known = verified.find(token);
      if (known !== undefined) return known;
      const claims = await verify(token);
      if (claims === undefined) return undefined;
      verified.keep(token, claims.caller, claims.expiresAtMs);
      return claims.caller;
    },
    peek: (token) => verified.find(token),
  };
}

/**
 * What an organisation's token opens is told only where it is asked for again, since it may be long: for the list of
 * repositories, and for those that are still to be made.
 */
function spoken(identity: Identity, { entries, absent }: Grant): Identity {
  if (identity.kind !== "organisation" || entries.some(({ type }) => type === "registry"))
    return identity;
  const resources = identity.resources.filter(({ path }) =>
    absent.some((name) => opensPath(path, name)),
  );
  return { ...identity, resources };
}

/** The header of a token, if it is the kind that {@link createBearer} writes: `alg`, `typ` and `kid`, and nothing else. */
function headerOf(token: string): { readonly alg: string; readonly kid: string } | undefined {
  let header: unknown;
  try {
    header = JSON.parse(
      Buffer.from(token.slice(0, token.indexOf(".")), "base64url").toString("utf8"),
    );
  } catch {
    return undefined;
  }
  if (typeof header !== "object" || header === null || Object.keys(header).length !== 3)
    return undefined;
  if (!("alg" in header && "typ" in header && "kid" in header)) return undefined;
  const { alg, typ, kid } = header;
  return typ === "JWT" && typeof alg === "string" && typeof kid === "string"
    ? { alg, kid }
    : undefined;
}
