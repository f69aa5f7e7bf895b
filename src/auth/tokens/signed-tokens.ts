import jwt from "jsonwebtoken";
import type { Keys } from "../signing-keys/keys.ts";

/** Tokens of one kind, told from other kinds of ours by their audience. */
export interface SignedTokens {
  sign(claims: Readonly<Record<string, unknown>>, lifeSeconds: number): Promise<SignedToken>;
  /** What a token says; `undefined` if it is not one of ours and of this kind, or not good any more. */
  verify(token: string): Promise<unknown>;
}

export interface SignedToken {
  readonly token: string;
  readonly issuedAtMs: number;
}

/** Enough for a hundred scopes with long names; whatever is longer is not looked at. */
const longestToken = 48 * 1024;
/** Another replica's clock, or ours after it was set back, may be behind. */
const clockSkewSeconds = 60;
/** Three parts of base64url, none of them empty. */
const form = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Tokens that Berth signs and nobody else does. Verification is narrow: the key is one of ours by its id, the algorithm
 * is that key's (jsonwebtoken compares it with the header's), and a header with anything beyond what we write is refused,
 * so that none of a token's words on how to verify it is ever followed.
 */
export function createSignedTokens(parts: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly audience: string;
  readonly clock: () => number;
}): SignedTokens {
  const { keys, issuer, audience, clock } = parts;
  return {
    async sign(claims, lifeSeconds) {
      const key = await keys.signing();
      const issuedAtMs = clock();
      const now = Math.floor(issuedAtMs / 1000);
      const times = { exp: now + lifeSeconds, nbf: now - clockSkewSeconds, iat: now };
      const payload = { iss: issuer, aud: audience, ...times, ...claims };
      const options = { algorithm: key.algorithm, keyid: key.id } as const;
      return { token: jwt.sign(payload, key.privateKey, options), issuedAtMs };
    },
    async verify(token) {
      if (token.length > longestToken || !form.test(token)) return undefined;
      const keyId = keyIdOf(token);
      const key = keyId === undefined ? undefined : await keys.find(keyId);
      if (key === undefined) return undefined;
      try {
        return jwt.verify(token, key.publicKey, {
          ...{ algorithms: [key.algorithm], issuer, audience, clockTimestamp: clock() / 1000 },
        });
      } catch (error) {
        // jsonwebtoken parses the claims before it verifies the signature: claims that are not JSON are a SyntaxError.
        if (error instanceof SyntaxError) return undefined;
        // A signature of another length than ES256 has is a TypeError.
        if (error instanceof jwt.JsonWebTokenError || error instanceof TypeError) return undefined;
        throw error;
      }
    },
  };
}

/** The key id of a token whose header has the members that {@link createSignedTokens} writes: `alg`, `typ` and `kid`, and nothing else. */
function keyIdOf(token: string): string | undefined {
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
  const { typ, kid } = header;
  return typ === "JWT" && typeof kid === "string" ? kid : undefined;
}
