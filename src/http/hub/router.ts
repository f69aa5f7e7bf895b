import type { Context, Middleware } from "koa";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Session, Sessions } from "../../auth/sessions.ts";
import { createYieldingWork, type YieldingWork } from "../../concurrency/yielding-work.ts";
import { parseRepositoryName, reservedNamespaces, type RepositoryName } from "../../oci/name.ts";
import { OciError } from "../../oci/errors.ts";
import { peerOf, setErrorFormat } from "../middleware/principal.ts";
import { createRouteTable } from "../router.ts";
import { unavailableOnDatabaseError } from "../middleware/unavailable.ts";
import { readAuthorization } from "../middleware/authorization.ts";
import type { BodyReader } from "../middleware/body.ts";
import type { Budgets } from "../middleware/budgets.ts";
import { whenClosed } from "../middleware/early-end.ts";
import type { ResponseCache } from "../middleware/response-cache.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import type { HubRequest, HubRoute } from "./route.ts";
import { forbidden, HubError, hubErrorOf, needsLogin, notFound } from "./errors.ts";
import { parseBody, parseQuery } from "./requests.ts";

export interface HubRouterParts {
  readonly clientInfo: Pick<ClientInfo, "peerOf" | "originOf">;
  /** `undefined` in open mode: there are no logins, and all callers are anonymous. */
  readonly sessions: Sessions | undefined;
  readonly policy: HubPolicy;
  readonly responseCache: ResponseCache;
  readonly bodies: BodyReader;
  readonly budgets: Budgets;
}

interface Asked {
  readonly namespace: string;
  readonly repository: RepositoryName | undefined;
}

/**
 * Serves the Hub-shaped routes and passes all other paths on. Paths may end in a slash. An unserved path below `/api`
 * or below a word that Docker Hub reserves is a 404 in Docker Hub's format.
 */
export function createHubRouter(routes: readonly HubRoute[], access: HubRouterParts): Middleware {
  const find = createRouteTable(routes);
  return async (ctx, next) => {
    if (isRegistryPath(ctx.path)) return next();
    const { methods, route, params } = find(ctx);
    if (methods.length === 0 && !isHubPath(ctx.path)) return next();
    setErrorFormat(ctx, "hub");
    if (methods.length === 0) throw new HubError(404, "Berth serves nothing at this path");
    if (route === undefined)
      throw new HubError(405, `${ctx.method} is not served at this path`, {
        headers: { Allow: methods.join(", ") },
      });
    try {
      ctx["params"] = params;
      await answer(route, ctx, access);
    } catch (error) {
      throw hubErrorOf(error);
    }
  };
}

/**
 * A hosted image may have the name `repositories`. Its registry paths match the Hub pattern
 * `/v2/repositories/:namespace/:repository`, so they are excluded here.
 */
const isRegistryPath = (path: string): boolean =>
  /^\/v2\/repositories\/(?:tags\/list|(?:manifests|blobs|referrers)\/[^/]+\/?)$/.test(path);

/**
 * Whether a path is below `/api` or a reserved word. Paths in the form of the registry are excluded: the registry
 * router answers them.
 */
function isHubPath(path: string): boolean {
  const [, first = "", word = ""] = path.split("/");
  if (first === "api") return true;
  if (first !== "v2" || !reservedNamespaces.has(word)) return false;
  return !/\/(?:tags\/list|(?:manifests|referrers|blobs)\/[^/]+|blobs\/uploads\/[^/]*)$/.test(path);
}

/** Sets the Hub error format for the paths of this API, also for errors that occur before its router. */
export function setHubErrorFormat(ctx: Context): void {
  if (isHubPath(ctx.path)) setErrorFormat(ctx, "hub");
}

/**
 * Checks the permission before the body and again after the body is read and parsed: a client can take a long time to
 * send the body, and a permission can end meanwhile. If the first check denies the request, the body is not read.
 */
async function answer(route: HubRoute, ctx: Context, access: HubRouterParts): Promise<void> {
  const params = ctx["params"] as Readonly<Record<string, string>>;
  const namespace = params["namespace"] ?? params["org"] ?? params["account"] ?? "";
  const asked: Asked = { namespace, repository: repositoryOf(params) };
  let session = await admit(route, ctx, asked, access);
  const client = access.budgets.enter(ctx, route, session?.principal.accountId ?? null);
  const query = route.query === undefined ? undefined : parseQuery(route.query, ctx.query);
  let body: unknown;
  if (route.body !== undefined) {
    body = parseBody(route.body, await access.bodies.read(ctx.req, "json", client));
    session = await admit(route, ctx, asked, access);
  }
  const call: HubRequest = {
    ...{ ctx, session, params, namespace, query, body },
    actor: access.policy.actor(session, route.permission.requires, { ...asked, peer: peerOf(ctx) }),
    work: workFor(ctx),
    repository: asked.repository ?? ("" as RepositoryName),
  };
  if (route.cacheable) {
    const key = [session?.principal, access.clientInfo.originOf(ctx.req), ctx.url];
    ctx.body = await access.responseCache.of(JSON.stringify(key), () => route.handle(call));
    ctx.type = "json";
    ctx.status = route.status;
    return;
  }
  const answered = await route.handle(call);
  if (ctx.body !== undefined && ctx.body !== null) return;
  ctx.body = route.answer === undefined ? null : answered;
  ctx.status = route.status;
}

/** Returns the session of an authorized client; throws the 401, 403 or 404 of the decision otherwise. */
async function admit(
  route: HubRoute,
  ctx: Context,
  { namespace, repository }: Asked,
  access: HubRouterParts,
): Promise<Session | undefined> {
  const session = await sessionOf(ctx, access);
  if (route.legacy && session?.principal.kind === "organisation")
    throw forbidden("access tokens of organisations do not open this path");
  const target = { namespace, ...(repository === undefined ? {} : { repository }) };
  const decision = await unavailableOnDatabaseError(() =>
    access.policy.authorize(session, route.permission.requires, target),
  );
  if (decision === "login") throw needsLogin("authentication credentials were not provided");
  if (decision === "unknown") throw notFound();
  if (decision === "forbidden") throw forbidden();
  return session;
}

function workFor(ctx: Context): YieldingWork {
  const gone = new AbortController();
  whenClosed(ctx.res, () => gone.abort());
  return createYieldingWork(gone.signal);
}

/**
 * Most scripts for Docker Hub send the scheme `JWT` instead of `Bearer`. Some command lines send a password (Basic)
 * with each request.
 */
async function sessionOf(
  ctx: Context,
  { sessions, clientInfo }: HubRouterParts,
): Promise<Session | undefined> {
  const authorization = readAuthorization(ctx.get("Authorization").replace(/^jwt /i, "Bearer "));
  // In open mode every caller is anonymous.
  if (authorization.kind === "none" || sessions === undefined) return undefined;
  const session = await unavailableOnDatabaseError(async () => {
    if (authorization.kind === "bearer") return sessions.resume(authorization.token.trim());
    if (authorization.kind !== "basic") return undefined;
    return sessions.identify(authorization, clientInfo.peerOf(ctx.req));
  });
  if (session === undefined) throw needsLogin("what you log in with is not valid, or not any more");
  return session;
}

/** Parses the repository name of the path. Throws 404 for an invalid name. */
function repositoryOf(params: Readonly<Record<string, string>>): RepositoryName | undefined {
  const { namespace, repository } = params;
  if (repository === undefined) return undefined;
  try {
    return parseRepositoryName(namespace === undefined ? repository : `${namespace}/${repository}`);
  } catch (error) {
    if (error instanceof OciError) throw notFound();
    throw error;
  }
}
