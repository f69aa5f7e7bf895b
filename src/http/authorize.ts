import type { Context } from "koa";
import type { BrowserSessions } from "../auth/browser-sessions.ts";
import type { HubPolicy } from "../auth/hub-policy.ts";
import type { Policy } from "../auth/policy.ts";
import { accountIdOf, anonymous, type Grant } from "../auth/principal.ts";
import type { Session, Sessions } from "../auth/sessions.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryFacts } from "../database/facts.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { readAuthorization, type RequestAuthenticator } from "./middleware/authenticate.ts";
import type { ClientInfo } from "./middleware/client-info.ts";
import type { SessionCookie } from "./middleware/session-cookie.ts";
import { addToRecord, peerOf, setGrant } from "./middleware/request-state.ts";
import { unavailableOnDatabaseError } from "./middleware/unavailable.ts";
import { forbidden, needsLogin, notFound } from "./hub/errors.ts";
import {
  isHubRoute,
  type HubRoute,
  type ResolvedRepository,
  type Route,
  type TokenRoute,
} from "./route.ts";
import type { WwwAuthenticate } from "./token/www-authenticate.ts";

export interface AuthorizerParts {
  readonly requestAuthenticator: RequestAuthenticator;
  readonly policy: Policy;
  readonly wwwAuthenticate: WwwAuthenticate;
  readonly hub: {
    readonly policy: HubPolicy;
    /** `undefined` in open mode: there are no logins, and all callers of the Hub-shaped API are anonymous. */
    readonly sessions: Sessions | undefined;
    /** `undefined` in open mode. */
    readonly browserSessions: BrowserSessions | undefined;
  };
  readonly sessionCookie: SessionCookie;
  readonly clientInfo: Pick<ClientInfo, "peerOf" | "originOf">;
}

/** What a request asks for. */
export interface Target {
  /** The account in the path of a Hub-shaped route; otherwise empty. */
  readonly namespace: string;
  readonly repository: RepositoryName | undefined;
  /** Set for a repository of the distribution API. */
  readonly resolved: ResolvedRepository | undefined;
}

/** The client of an authorized request. */
export interface Client {
  /** `null`: anonymous. */
  readonly accountId: number | null;
  /** Of the client's token; `undefined` on a route that needs none. */
  readonly grant?: Grant;
  /** Of the repository of the distribution API, read with the grant. */
  readonly repositoryFacts?: RepositoryFacts | undefined;
  /** `undefined`: not logged in to the Hub-shaped API. */
  readonly session?: Session | undefined;
  /** `undefined` on a route that requires no permission. */
  readonly actor?: Actor;
}

interface Asked<R> {
  readonly route: R;
  readonly target: Target;
}

/**
 * Authenticates the client and checks the permission of the route. Handlers read data only after this check; the
 * repository resolver runs before it. Throws the 401, 403 or 404 of the decision.
 * @param before the client from the check before the body. If the permission has ended since that check, throws DENIED
 */
export function authorize(
  ctx: Context,
  { route, target }: Asked<Route>,
  parts: AuthorizerParts,
  before?: Client,
): Promise<Client> {
  return isHubRoute(route)
    ? authorizeSession(ctx, { route, target }, parts)
    : authorizeToken(ctx, { route, target }, parts, before?.grant);
}

/** The 401 for a token that has expired, or lost its permission, during the request. */
export function tokenEnded(
  ctx: Context,
  { route, target }: Asked<Route>,
  { wwwAuthenticate }: AuthorizerParts,
): OciError {
  const permission = isHubRoute(route) ? ({ kind: "none" } as const) : route.requires;
  return wwwAuthenticate.challenge(ctx, permission, target.resolved?.requestedName, "invalid");
}

/** @param before a repository that was removed after this grant was checked stays closed */
async function authorizeToken(
  ctx: Context,
  { route: { requires, body }, target: { repository, resolved } }: Asked<TokenRoute>,
  { requestAuthenticator, policy, wwwAuthenticate }: AuthorizerParts,
  before: Grant | undefined,
): Promise<Client> {
  if (requires.kind === "none") return { accountId: null };
  const presented = await requestAuthenticator.authenticate(ctx.req, repository);
  const found = presented === "nothing" && requires.kind === "browse" ? anonymous : presented;
  if (found === "nothing" || found === "invalid")
    throw wwwAuthenticate.challenge(ctx, requires, resolved?.requestedName, found);
  addToRecord(ctx, { principal: found.principal });
  const removals = Math.min(found.removals, before?.removals ?? Infinity);
  const asked = { ...found, removals };
  const { grant, repository: repositoryFacts } =
    repository === undefined
      ? { grant: asked, repository: undefined }
      : await unavailableOnDatabaseError(() => policy.recheckPermission(asked, repository));
  if (!policy.allows({ grant, permission: requires, repository: repositoryFacts })) {
    if (before !== undefined)
      throw new OciError("DENIED", "the permission ended while the body was sent");
    throw wwwAuthenticate.challenge(ctx, requires, resolved?.requestedName, found);
  }
  // A stream checks the token's expiry itself, after its last byte (`StreamBody.demandToken`).
  const authorized = body === "stream" ? { ...grant, expiresAtMs: undefined } : grant;
  const actor = policy.actor({
    grant: authorized,
    permission: requires,
    repository,
    peer: peerOf(ctx),
  });
  setGrant(ctx, grant, actor);
  return { accountId: accountIdOf(grant), grant, repositoryFacts, actor };
}

async function authorizeSession(
  ctx: Context,
  { route: { requires, legacy }, target: { namespace, repository } }: Asked<HubRoute>,
  parts: AuthorizerParts,
): Promise<Client> {
  const { policy } = parts.hub;
  const session = await sessionOf(ctx, parts);
  if (session !== undefined) addToRecord(ctx, { principal: session.principal });
  if (legacy && session?.principal.kind === "organisation")
    throw forbidden("this path does not accept access tokens of organisations");
  const decision = await unavailableOnDatabaseError(() =>
    policy.authorize(session, requires, { namespace, repository }),
  );
  if (decision === "login")
    throw needsLogin(
      parts.sessionCookie.read(ctx.req) === undefined
        ? "authentication credentials were not provided"
        : "your session has ended: sign in again",
    );
  if (decision === "unknown") throw notFound();
  if (decision === "forbidden") throw forbidden();
  return {
    accountId: session?.principal.accountId ?? null,
    session,
    actor: policy.actor(session, requires, { namespace, repository, peer: peerOf(ctx) }),
  };
}

/**
 * Most scripts for Docker Hub send the scheme `JWT` instead of `Bearer`. Some command lines send a password (Basic)
 * with each request.
 */
async function sessionOf(ctx: Context, parts: AuthorizerParts): Promise<Session | undefined> {
  const { sessions } = parts.hub;
  const authorization = readAuthorization(ctx.get("Authorization").replace(/^jwt /i, "Bearer "));
  // In open mode every caller is anonymous.
  if (sessions === undefined) return undefined;
  if (authorization.kind === "none") return browserSessionOf(ctx, parts);
  const session = await unavailableOnDatabaseError(async () => {
    if (authorization.kind === "bearer") return sessions.resume(authorization.token.trim());
    if (authorization.kind !== "basic") return undefined;
    return sessions.identify(authorization, parts.clientInfo.peerOf(ctx.req));
  });
  if (session === undefined)
    throw needsLogin("the credentials or the token are not valid: log in again");
  return session;
}

/** The session of the cookie. A session that has ended leaves an anonymous client: public pages stay readable. */
async function browserSessionOf(
  ctx: Context,
  { hub: { browserSessions }, sessionCookie }: AuthorizerParts,
): Promise<Session | undefined> {
  const secret = sessionCookie.read(ctx.req);
  if (secret === undefined) return undefined;
  // A browser or a proxy must not show the response to the next user of the browser.
  ctx.set("Cache-Control", "private, no-cache");
  ctx.vary("Cookie, Authorization");
  return unavailableOnDatabaseError(async () => browserSessions?.resume(secret));
}
