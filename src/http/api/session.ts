import type { Context } from "koa";
import type * as z from "zod";
import { timeOf } from "../../api/fields.ts";
import { ownNamespacesAtMost } from "../../api/limits.ts";
import {
  browserSessionsSchema,
  sessionSchema,
  signInBody,
  type BrowserSessionsAnswer,
  type SessionAnswer,
} from "../../api/session.ts";
import type { BrowserSession, BrowserSessions } from "../../auth/browser-sessions.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Sessions } from "../../auth/sessions.ts";
import { looksLikeToken } from "../../auth/tokens/secret.ts";
import { packageVersion } from "../../config/package-version.ts";
import { printableLine } from "../../observability/printable.ts";
import { forbidden, HubError, notFound } from "../hub/errors.ts";
import type { HubCatalog } from "../hub/hub.ts";
import { userOf } from "../hub/requests.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { isFromOwnPage, notFromOwnPage } from "../middleware/csrf.ts";
import type { SessionCookie } from "../middleware/session-cookie.ts";
import { unavailableOnDatabaseError } from "../middleware/unavailable.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import type { Administration } from "./admin/administration.ts";
import { root } from "./repositories.ts";

/** Settings of the registry that clients need to know. */
export interface SessionFacts {
  readonly isOpen: boolean;
  readonly hasMirrors: () => boolean;
  readonly createOnPush: boolean;
}

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts" | "invites">;
  readonly policy: HubPolicy;
  readonly sessions: Sessions | undefined;
  readonly browserSessions: BrowserSessions | undefined;
  readonly sessionCookie: SessionCookie;
  readonly clientInfo: ClientInfo;
  readonly sessionFacts: SessionFacts;
  readonly administration: Pick<Administration, "readOnly">;
}

const anyone = { of: "anyone" } as const;
/** The sessions are credentials of the account: an access token may not list or end them. */
const password = { of: "password" } as const;

/** Routes of the session of a browser, and of the sessions of the calling user. */
export function sessionRoutes(parts: Parts): readonly Route[] {
  const version = packageVersion();
  return [
    route({
      method: "get",
      path: `${root}/session`,
      requires: anyone,
      summary: "The calling user, if there is one, and what the registry offers",
      answer: sessionSchema,
      handle: (request) => describe(parts, version, request),
    }),
    route({
      method: "post",
      path: `${root}/session`,
      requires: anyone,
      summary: "Signs a browser in with the password of a user: the answer sets a cookie",
      body: signInBody,
      status: 204,
      handle: (request) => signIn(parts, request),
    }),
    route({
      method: "delete",
      path: `${root}/session`,
      requires: anyone,
      summary: "Signs the browser out",
      status: 204,
      handle: (request) => signOut(parts, request),
    }),
    route({
      method: "get",
      path: `${root}/sessions`,
      requires: password,
      summary: "The browsers in which the calling user is signed in, the last used first",
      answer: browserSessionsSchema,
      handle: async ({ session }) => ({
        sessions: (await demandSessions(parts).list(userOf({ session }))).map((one) =>
          present(one, session?.browserSession),
        ),
      }),
    }),
    route({
      method: "delete",
      path: `${root}/sessions`,
      requires: password,
      summary: "Signs the calling user out in all other browsers",
      status: 204,
      handle: ({ session, actor }) =>
        demandSessions(parts).endOthers(actor, userOf({ session }), session?.browserSession),
    }),
    route({
      method: "delete",
      path: `${root}/sessions/:id`,
      requires: password,
      summary: "Signs the calling user out in one browser",
      status: 204,
      handle: async ({ session, actor, params }) => {
        const user = userOf({ session });
        if (!(await demandSessions(parts).end(actor, user, params["id"] ?? ""))) throw notFound();
      },
    }),
  ];
}

/** In open mode the policy denies the routes that call it. */
function demandSessions({ browserSessions }: Parts): BrowserSessions {
  if (browserSessions === undefined) throw notFound();
  return browserSessions;
}

async function describe(
  { hub: { accounts, invites }, clientInfo, sessionFacts, administration }: Parts,
  version: string,
  { ctx, session }: HubRequest,
): Promise<SessionAnswer> {
  const { isOpen, hasMirrors, createOnPush } = sessionFacts;
  const readOnly = await administration.readOnly.current();
  const common = {
    is_open: isOpen,
    host: new URL(clientInfo.originOf(ctx.req)).host,
    version,
    has_mirrors: hasMirrors(),
    create_on_push: createOnPush,
    read_only: readOnly === undefined ? null : { reason: readOnly.reason },
  };
  ctx.set("Cache-Control", "private, no-cache");
  if (session?.principal.kind !== "user")
    return { ...common, user: null, namespaces: [], invites: 0 };
  const { accountId, name, isAdmin } = session.principal;
  const page = { page: 1, size: ownNamespacesAtMost - 1 };
  const { items } = await accounts.organisationsOf(accountId, page);
  const { fullName } = await accounts.user(name);
  return {
    ...common,
    user: { username: name, full_name: fullName, is_admin: isAdmin },
    namespaces: [
      { name, role: "owner" },
      ...items.map((organisation) => ({ name: organisation.name, role: organisation.role })),
    ],
    invites: (await invites.ofUser(accountId)).length,
  };
}

async function signIn(
  parts: Parts,
  { ctx, session: current, body }: HubRequest<unknown, z.output<typeof signInBody>>,
): Promise<void> {
  const { sessions, browserSessions, sessionCookie, policy, clientInfo } = parts;
  if (!isFromOwnPage(ctx.req, clientInfo)) throw forbidden(notFromOwnPage);
  if (sessions === undefined || browserSessions === undefined)
    throw forbidden("this registry is open (auth.open): it has no accounts, and needs no sign-in");
  const { username: name, password: secret } = body;
  if (looksLikeToken(secret))
    throw new HubError(
      401,
      "this is an access token: sign in with the password; tokens are for docker login and other clients",
    );
  const peer = clientInfo.peerOf(ctx.req);
  const session = await unavailableOnDatabaseError(() => sessions.identify({ name, secret }, peer));
  if (session === undefined) throw new HubError(401, "Incorrect authentication credentials");
  const started = await browserSessions.start(policy.actor(session, password, { peer }), session, {
    agent: agentOf(ctx),
    replaces: current?.browserSession,
  });
  ctx.set("Cache-Control", "no-store");
  sessionCookie.set(ctx, started, browserSessions.lifetimeSeconds);
}

async function signOut(
  { browserSessions, sessionCookie }: Parts,
  { ctx, session, actor }: HubRequest,
): Promise<void> {
  if (session?.browserSession !== undefined)
    await browserSessions?.end(actor, session.principal, session.browserSession);
  ctx.set("Cache-Control", "no-store");
  sessionCookie.clear(ctx);
}

const agentLength = 300;

const agentOf = (ctx: Context): string =>
  printableLine(ctx.get("User-Agent")).slice(0, agentLength);

const present = (
  session: BrowserSession,
  current: string | undefined,
): BrowserSessionsAnswer["sessions"][number] => ({
  id: session.id,
  browser: session.agent,
  address: session.peer,
  started: timeOf(session.startedAtMs),
  last_seen: timeOf(session.seenAtMs),
  is_this_one: session.id === current,
});
