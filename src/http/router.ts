import Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { accountIdOf, anonymous, type Grant } from "../auth/principal.ts";
import { NotAuthorizedError, type Policy } from "../auth/policy.ts";
import { OciError } from "../oci/errors.ts";
import type { RequestAuthenticator } from "./middleware/authenticate.ts";
import { streamOf, type BodyReader, type StreamBody, type StreamToken } from "./middleware/body.ts";
import type { BudgetKey, Budgets } from "./middleware/budgets.ts";
import { peerOf, setGrant } from "./middleware/principal.ts";
import type { WwwAuthenticate } from "./token/www-authenticate.ts";
import type { Route, ResolvedRepository } from "./route.ts";
import type { RepositoryResolver } from "./middleware/repository-resolver.ts";
import { unavailableOnDatabaseError } from "./middleware/unavailable.ts";

export interface RegistryRouterParts {
  readonly requestAuthenticator: RequestAuthenticator;
  readonly policy: Policy;
  readonly wwwAuthenticate: WwwAuthenticate;
  readonly repositoryResolver: RepositoryResolver;
  readonly bodies: BodyReader;
  readonly budgets: Budgets;
}

/**
 * Serves the route table. The router parses the repository name once and uses the same value for the permission check
 * and for the handler.
 * Throws UNAUTHORIZED when the policy denies the request (DENIED when a permission ends during the request), and
 * UNSUPPORTED for a method (405) or a path (404) that has no route.
 */
export function createRouter(routes: readonly Route[], parts: RegistryRouterParts): Middleware {
  const find = createRouteTable(routes);
  return async (ctx) => {
    const { methods, route, params } = find(ctx);
    if (methods.length === 0)
      throw new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
    if (route === undefined)
      throw new OciError("UNSUPPORTED", `${ctx.method} is not served at this path`, {
        headers: { Allow: methods.join(", ") },
      });
    ctx["params"] = params;
    await answer(route, ctx, parts);
  };
}

/** The route of a request, and all methods of its path. `methods` is empty when the path has no route. */
interface FoundRoute<R> {
  readonly methods: readonly string[];
  readonly route: R | undefined;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Finds routes by the path patterns of @koa/router. When several patterns match, the first one in the table wins.
 * Each request calls only `match`: the router's middleware would add 10 % CPU per request.
 */
export function createRouteTable<R extends { readonly method: Route["method"]; path: string }>(
  routes: readonly R[],
): (ctx: Pick<Context, "path" | "method">) => FoundRoute<R> {
  // By default @koa/router ignores the case of paths.
  const router = new Router({ sensitive: true });
  const routeOf = new Map<unknown, R>();
  for (const route of routes) {
    router[route.method](route.path, () => undefined);
    routeOf.set(router.stack.at(-1), route);
  }
  return ({ path, method }) => {
    const matched = router.match(path, method).path;
    const layers = matched.filter((layer) => layer.path === matched[0]?.path);
    const layer = layers.find(({ methods }) => methods.includes(method));
    return {
      methods: [...new Set(layers.flatMap(({ methods }) => methods))],
      route: layer && routeOf.get(layer),
      params: layer?.params(path, layer.captures(path)) ?? {},
    };
  };
}

/**
 * Checks the permission before the body and, for a form or a manifest, again after it: a client can take a long time to
 * send the body, and a permission can end meanwhile. If the first check denies the request, the body is not read.
 */
async function answer(route: Route, ctx: Context, parts: RegistryRouterParts): Promise<void> {
  const params = ctx["params"] as Readonly<Record<string, string>>;
  const target =
    route.permission.kind === "repository"
      ? parts.repositoryResolver.resolve(ctx, params["name"] ?? "")
      : undefined;
  const takesSmall = route.body === "form" || route.body === "manifest";
  const before = await admit(ctx, parts, route, target);
  if (target?.mirrored !== undefined && route.method !== "get")
    throw new OciError(
      "UNSUPPORTED",
      "a mirror holds what its upstream has, and takes nothing else",
    );
  const accountId = before === undefined ? null : accountIdOf(before);
  const client = parts.budgets.enter(ctx, route, accountId);
  const ended = () =>
    parts.wwwAuthenticate.challenge(ctx, route.permission, target?.requestedName, "invalid");
  const token = { expiresAtMs: before?.expiresAtMs, ended };
  const body = await bodyOf(route, ctx, parts.bodies, { client, token });
  if (takesSmall) await admit(ctx, parts, route, target, before);
  type Handle = (...given: readonly unknown[]) => Promise<void> | void;
  try {
    const admitMiss = (): void => parts.budgets.admitMiss(client);
    const handle = route.handle as Handle;
    await (target === undefined ? handle(ctx, body) : handle(ctx, target, body, admitMiss));
  } catch (error) {
    // The command checks the permission again in its transaction.
    if (!(error instanceof NotAuthorizedError)) throw error;
    throw error.decision === "login" ? ended() : new OciError("DENIED", error.message);
  }
}

async function bodyOf(
  route: Route,
  ctx: Context,
  bodies: BodyReader,
  { client, token }: { readonly client: BudgetKey; readonly token: StreamToken },
): Promise<URLSearchParams | Buffer | StreamBody | undefined> {
  const { body = "none" } = route;
  switch (body) {
    case "form":
      return new URLSearchParams((await bodies.read(ctx.req, "form", client)).toString("utf8"));
    case "manifest":
      return bodies.read(ctx.req, "manifest", client);
    case "stream":
      return streamOf(ctx.req, token);
    case "none":
      return undefined;
  }
}

/**
 * Authenticates the request and checks its permission. Handlers read data only after this check; the repository
 * resolver runs before it. Throws the 401 challenge when the policy denies the request.
 * @param before the grant from the check before the body. A repository that was removed after that check stays closed.
 * If the permission has ended since that check, throws DENIED.
 */
async function admit(
  ctx: Context,
  { requestAuthenticator, policy, wwwAuthenticate }: RegistryRouterParts,
  { permission, body }: Route,
  target: ResolvedRepository | undefined,
  before?: Grant,
): Promise<Grant | undefined> {
  if (permission.kind === "none") return undefined;
  const presented = await requestAuthenticator.authenticate(ctx.req, target?.repository);
  const found = presented === "nothing" && permission.kind === "browse" ? anonymous : presented;
  if (found === "nothing" || found === "invalid")
    throw wwwAuthenticate.challenge(ctx, permission, target?.requestedName, found);
  const repository = target?.repository;
  const removals = Math.min(found.removals, before?.removals ?? Infinity);
  const grant = await unavailableOnDatabaseError(async () => {
    const asked = { ...found, removals };
    const rechecked =
      repository === undefined ? asked : await policy.recheckPermission(asked, repository);
    return policy.allows({ grant: rechecked, permission, repository }) ? rechecked : undefined;
  });
  if (grant === undefined) {
    if (before !== undefined)
      throw new OciError("DENIED", "the permission has ended while the body was on its way");
    const shown = found.principal.kind === "anonymous" ? "anonymous" : "valid";
    throw wwwAuthenticate.challenge(ctx, permission, target?.requestedName, shown);
  }
  // A stream checks the token's expiry itself, after its last byte (`StreamBody.demandToken`).
  const authorized = body === "stream" ? { ...grant, expiresAtMs: undefined } : grant;
  const actor = policy.actor({ grant: authorized, permission, repository, peer: peerOf(ctx) });
  setGrant(ctx, grant, actor);
  return grant;
}
