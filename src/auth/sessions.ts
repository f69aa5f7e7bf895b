import { randomUUID } from "node:crypto";
import type { Database } from "../database/database.ts";
import type { Authenticator, Credentials, From } from "./authenticate.ts";
import { principalNow, type KnownPrincipal } from "../database/permissions/identity.ts";
import type { Keys } from "./signing-keys/keys.ts";
import { createSignedTokens } from "./tokens/signed-tokens.ts";

/** Somebody who has logged in to the Hub-shaped API, as they are at this moment. */
export interface Session {
  readonly principal: KnownPrincipal;
  /** When the credential was shown: a password that was changed since ends the session. */
  readonly sinceMs: number;
}

export interface Sessions {
  /** A token for whoever has these credentials; `undefined` if they do not belong together. */
  login(
    credentials: Credentials,
    from: From,
    lifeSeconds: number,
  ): Promise<{ readonly token: string; readonly session: Session } | undefined>;
  /** Who these credentials belong to, for one request; `undefined` if they do not belong together. */
  identify(credentials: Credentials, from: From): Promise<Session | undefined>;
  /** Who a token speaks for; `undefined` if it is not one of ours, or its account, password or access token is not any more. */
  resume(token: string): Promise<Session | undefined>;
}

/** As Docker Hub names the claim in which clients look for the name of the account. */
const claimOfHub = "https://hub.docker.com";

/**
 * Tokens of sessions have an audience of their own: they open nothing in the registry, and tokens for the registry
 * open nothing here. They say who, not what: every request asks again what is true of them, so that whatever is taken
 * away is gone at once.
 */
export function createSessions(parts: {
  readonly keys: Keys;
  readonly issuer: string;
  readonly authenticator: Authenticator;
  readonly database: Pick<Database, "sessions">;
  readonly clock: () => number;
}): Sessions {
  const { keys, issuer, authenticator, database, clock } = parts;
  const tokens = createSignedTokens({ keys, issuer, audience: `${issuer}/hub`, clock });

  /** The credential is read once, and the identity says what it was. */
  const identify = async (credentials: Credentials, from: From): Promise<Session | undefined> => {
    // Before the password is looked at: one that is changed meanwhile ends this session, too.
    const sinceMs = clock();
    const principal = await authenticator.authenticate(credentials, from);
    return principal && { principal, sinceMs };
  };

  return {
    async login(credentials, from, lifeSeconds) {
      const session = await identify(credentials, from);
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
      const rows = await database.sessions.find(accountId, accessToken);
      const shown = { accessToken, passwordAtMs: atMs };
      const principal = rows && principalNow(rows, shown, clock());
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
