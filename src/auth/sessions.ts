import { randomUUID } from "node:crypto";
import type { Database } from "../database/contract.ts";
import type { Authenticator, Credentials } from "./authenticate.ts";
import { principalNow, type KnownPrincipal } from "../database/permissions/principal.ts";
import type { Keys } from "./signing-keys/keys.ts";
import { createSignedTokens } from "./tokens/signed-tokens.ts";

/** A login to the Hub-shaped API or to Berth's own API, with the current state of its account. */
export interface Session {
  readonly principal: KnownPrincipal;
  /** When the credentials were checked. A password change after this time ends the session. */
  readonly sinceMs: number;
  /** The id of the browser's session; `undefined` for a client with a token or with credentials. */
  readonly browserSession?: string;
}

export interface Sessions {
  /**
   * Creates a session token; `undefined` if name and secret do not match. Rejects as {@link Authenticator.authenticate}
   * does.
   */
  login(
    credentials: Credentials,
    peer: string,
    lifeSeconds: number,
  ): Promise<{ readonly token: string; readonly session: Session } | undefined>;
  /** A session for one request; `undefined` if name and secret do not match. */
  identify(credentials: Credentials, peer: string): Promise<Session | undefined>;
  /**
   * The session of a token; `undefined` if the token is not valid, or if its account, password or access token is no
   * longer valid.
   */
  resume(token: string): Promise<Session | undefined>;
}

/** Docker Hub's claim name: clients read the account name from it. */
const claimOfHub = "https://hub.docker.com";

/**
 * Session tokens have their own audience: the registry does not accept them, and this API does not accept registry
 * tokens. They carry no permissions. Every request reads the permissions again, so that a revoked permission ends at
 * once.
 */
export function createSessions(parts: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly authenticator: Authenticator;
  readonly database: Pick<Database, "permissions">;
  readonly clock: () => number;
}): Sessions {
  const { keys, issuer, authenticator, database, clock } = parts;
  const tokens = createSignedTokens({ keys, issuer, audience: `${issuer}/hub`, clock });

  /** Reads the credentials once; the principal says whether they were a password or an access token. */
  const identify = async (credentials: Credentials, peer: string): Promise<Session | undefined> => {
    // Taken before the password check: a password change during the check also ends this session.
    const sinceMs = clock();
    const principal = await authenticator.authenticate(credentials, peer);
    return principal && { principal, sinceMs };
  };

  return {
    async login(credentials, peer, lifeSeconds) {
      const session = await identify(credentials, peer);
      if (session === undefined) return undefined;
      const { accountId, name, accessToken = null } = session.principal;
      const id = randomUUID();
      const { token } = await tokens.sign(
        {
          sub: String(accountId),
          jti: id,
          session_id: id,
          [claimOfHub]: { username: name },
          berth: { accountId, accessToken, atMs: session.sinceMs },
        },
        lifeSeconds,
      );
      return { token, session };
    },

    identify,

    async resume(token) {
      const claims = parseSessionClaims(await tokens.verify(token));
      if (claims === undefined) return undefined;
      const { accountId, accessToken, atMs } = claims;
      const rows = await database.permissions.facts(accountId, accessToken, {});
      const shown = { accessToken, passwordAtMs: atMs };
      const principal = principalNow(rows, shown, clock());
      return principal && { principal, sinceMs: atMs };
    },
  };
}

interface SessionClaims {
  readonly accountId: number;
  readonly accessToken: string | undefined;
  readonly atMs: number;
}

function parseSessionClaims(payload: unknown): SessionClaims | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const { berth } = payload as { readonly berth?: unknown };
  if (typeof berth !== "object" || berth === null) return undefined;
  const { accountId, accessToken, atMs } = berth as Readonly<Record<string, unknown>>;
  if (typeof accountId !== "number" || typeof atMs !== "number") return undefined;
  if (accessToken !== null && typeof accessToken !== "string") return undefined;
  return { accountId, accessToken: accessToken ?? undefined, atMs };
}
