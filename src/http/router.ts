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

/** Who may do what, as the wire asks. */
export interface RegistryRouterParts {
  readonly requestAuthenticator: RequestAuthenticator;
  readonly policy: Policy;
  readonly wwwAuthenticate: WwwAuthenticate;
  readonly repositoryResolver: RepositoryResolver;
  readonly bodies: BodyReader;
  readonly budgets: Budgets;
}

/**
 * The route table as middleware. Names are parsed here, once, and the same value is used for the permission and for
 * the work. Throws UNAUTHORIZED where the policy refuses, UNSUPPORTED for a method or a path that is not served.
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

/** The route of a request, and the methods of its path; no method: nothing is served at the path. */
interface FoundRoute<R> {
  readonly methods: readonly string[];
  readonly route: R | undefined;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Finds routes by the path patterns of @koa/router. Its `match` is called once a request, and the middleware around it is
 * left out: with it a request costs 10 % more CPU. Of several patterns that match, the first in the table counts.
 */
export function createRouteTable<R extends { readonly method: Route["method"]; path: string }>(
  routes: readonly R[],
): (ctx: Pick<Context, "path" | "method">) => FoundRoute<R> {
  // Paths are case-sensitive.
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
 * A small body is read before the judgement that counts, since it may take as long as its client likes. A client that
 * is not let in with what it says of itself before the body is refused at once, and its body is not read.
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
    // The transaction of the command has authorized again.
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
 * Lets the request in, or throws the 401 that says how to get in; nothing of the request has been looked up before.
 * @param before as what it was let in before its body was read: what has been removed since is not open to it
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
  // A stream says itself when a token has ended too early for it.
  const authorized = body === "stream" ? { ...grant, expiresAtMs: undefined } : grant;
  const actor = policy.actor({ grant: authorized, permission, repository, peer: peerOf(ctx) });
  setGrant(ctx, grant, actor);
  return grant;
}
