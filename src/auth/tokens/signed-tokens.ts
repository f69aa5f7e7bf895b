import jwt from "jsonwebtoken";
import type { Keys } from "../signing-keys/keys.ts";

/** Tokens of one kind. The audience separates the kinds. */
interface SignedTokens {
  sign(claims: Readonly<Record<string, unknown>>, lifeSeconds: number): Promise<SignedToken>;
  /** The payload of a token; `undefined` if it is expired, of another kind, or not signed by one of the keys. */
  verify(token: string): Promise<unknown>;
}

interface SignedToken {
  readonly token: string;
  readonly issuedAtMs: number;
}

/** 48 KB: enough for 100 scopes with long names. Longer tokens are rejected without parsing. */
const longestToken = 48 * 1024;
/** The clock of another replica, or this clock after it was set back, may be behind. */
const clockSkewSeconds = 60;
/** Three base64url parts, none of them empty. */
const form = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Signs and verifies JWTs. Verification is strict: `kid` must name one of the keys, the algorithm is the key's
 * (jsonwebtoken compares it with the header), and a header with any other member is rejected. So a token cannot choose
 * how it is verified.
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
      const now = Math.trunc(issuedAtMs / 1000);
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
          algorithms: [key.algorithm],
          issuer,
          audience,
          clockTimestamp: clock() / 1000,
        });
      } catch (error) {
        // jsonwebtoken parses the claims before it verifies the signature: claims that are not JSON cause a
        // SyntaxError.
        if (error instanceof SyntaxError) return undefined;
        // A signature whose length is wrong for ES256 causes a TypeError.
        if (error instanceof jwt.JsonWebTokenError || error instanceof TypeError) return undefined;
        throw error;
      }
    },
  };
}

/** The `kid` of a token whose header has exactly the members `alg`, `typ` and `kid`; otherwise `undefined`. */
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
