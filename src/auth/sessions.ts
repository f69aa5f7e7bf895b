import { randomUUID } from "node:crypto";
import type { Metadata } from "../metadata/metadata.ts";
import type { SessionFacts } from "../metadata/sessions.ts";
import type { Authenticator, Credentials, From } from "./authenticate.ts";
import type { Identity, PersonalScope } from "./identity.ts";
import type { Keys } from "./keys.ts";
import { createSignedTokens } from "./signed-tokens.ts";
import { hashTokenSecret, isTokenSecret } from "./token-secret.ts";

/** Somebody who has logged in to the Hub-shaped API, as they are at this moment. */
export interface Session {
  readonly identity: Exclude<Identity, { kind: "anonymous" }>;
  /** No access token stood in for the password. */
  readonly byPassword: boolean;
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
  readonly metadata: Pick<Metadata, "sessions" | "accessTokens">;
  readonly clock: () => number;
}): Sessions {
  const { keys, issuer, authenticator, metadata, clock } = parts;
  const tokens = createSignedTokens({ keys, issuer, audience: `${issuer}/hub`, clock });

  const identify = async (credentials: Credentials, from: From) => {
    const { secret } = credentials;
    const identity = await authenticator.authenticate(credentials, from);
    if (identity === undefined || identity.kind === "anonymous") return undefined;
    const accessToken = isTokenSecret(secret)
      ? (await metadata.accessTokens.login(hashTokenSecret(secret)))?.token.id
      : undefined;
    return { session: { identity, byPassword: accessToken === undefined }, accessToken };
  };

  return {
    async login(credentials, from, lifeSeconds) {
      // Before the password is looked at: one that is changed meanwhile ends this session, too.
      const atMs = clock();
      const found = await identify(credentials, from);
      if (found === undefined) return undefined;
      const { session, accessToken } = found;
      const { accountId, name } = session.identity;
      const id = randomUUID();
      const { token } = await tokens.sign(
        {
          sub: String(accountId),
          jti: id,
          session_id: id,
          [claimOfHub]: { username: name },
          berth: { accountId, accessToken: accessToken ?? null, atMs },
        },
        lifeSeconds,
      );
      return { token, session };
    },

    identify: async (credentials, from) => (await identify(credentials, from))?.session,

    async resume(token) {
      const claims = claimsOf(await tokens.verify(token));
      if (claims === undefined) return undefined;
      const facts = await metadata.sessions.find(claims.accountId, claims.accessToken);
      if (facts === undefined || facts.account.disabled) return undefined;
      return claims.accessToken === undefined
        ? passwordSession(facts, claims.atMs)
        : tokenSession(facts, clock());
    },
  };
}

interface Claims {
  readonly accountId: number;
  readonly accessToken: string | undefined;
  readonly atMs: number;
}

function claimsOf(payload: unknown): Claims | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  const { berth } = payload as { readonly berth?: unknown };
  if (typeof berth !== "object" || berth === null) return undefined;
  const { accountId, accessToken, atMs } = berth as Readonly<Record<string, unknown>>;
  if (typeof accountId !== "number" || typeof atMs !== "number") return undefined;
  if (accessToken !== null && typeof accessToken !== "string") return undefined;
  return { accountId, accessToken: accessToken ?? undefined, atMs };
}

/** A password that was changed ends the sessions that were begun with the old one. */
function passwordSession({ account }: SessionFacts, atMs: number): Session | undefined {
  if (account.kind !== "user" || (account.passwordChangedAtMs ?? 0) > atMs) return undefined;
  const { id: accountId, name, isAdmin } = account;
  return { identity: { kind: "user", accountId, name, isAdmin }, byPassword: true };
}

function tokenSession({ account, token }: SessionFacts, nowMs: number): Session | undefined {
  if (token === undefined || !token.isActive || (token.expiresAtMs ?? Infinity) <= nowMs)
    return undefined;
  const who = { accountId: account.id, name: account.name };
  if (account.kind === "organisation") {
    const { resources } = token;
    return { identity: { kind: "organisation", ...who, resources }, byPassword: false };
  }
  const [scope = "repo:public_read"] = token.scopes as PersonalScope[];
  return { identity: { kind: "user", ...who, isAdmin: account.isAdmin, scope }, byPassword: false };
}
