import Router from "@koa/router";
import type { Context } from "koa";
import { reservedNamespaces } from "../oci/name.ts";
import { isHubRoute, type Route } from "./route.ts";

/** The route of a request, and all methods of its path. `methods` is empty when the path has no route. */
export interface FoundRoute {
  readonly methods: readonly string[];
  readonly route: Route | undefined;
  readonly params: Readonly<Record<string, string>>;
  /** The path belongs to the Hub-shaped API or to Berth's own API: its errors have the format of that API. */
  readonly isHub: boolean;
}

type Find = (request: Pick<Context, "path" | "method">) => FoundRoute;

/**
 * Finds the route of a request. The paths of the Hub-shaped API and of Berth's own API begin with `/api` or with a word
 * that Docker Hub reserves; only such a path is compared with their patterns.
 */
export function createRouteTable(routes: readonly Route[]): Find {
  const findHub = createFinder(routes.filter(isHubRoute), true);
  const findOther = createFinder(
    routes.filter((route) => !isHubRoute(route)),
    false,
  );
  return (request) => {
    const { path } = request;
    if (!hasHubPrefix(path) || imagePath.test(path)) return findOther(request);
    const found = findHub(request);
    return found.methods.length > 0 || isHubPath(path) ? found : findOther(request);
  };
}

/**
 * Finds a route by the path patterns of @koa/router. When several patterns match, the first one in the table wins.
 * Each request calls only `match`: the router's middleware would add 10 % CPU per request.
 */
function createFinder(routes: readonly Route[], isHub: boolean): Find {
  // By default @koa/router ignores the case of paths.
  const router = new Router({ sensitive: true });
  const routeOf = new Map<unknown, Route>();
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
      isHub,
    };
  };
}

/**
 * A hosted image may have the name `repositories`. Its registry paths match the Hub pattern
 * `/v2/repositories/:namespace/:repository`, so they are excluded.
 */
const imagePath = /^\/v2\/repositories\/(?:tags\/list|(?:manifests|blobs|referrers)\/[^/]+\/?)$/;

const registryEnd = /\/(?:tags\/list|(?:manifests|referrers|blobs)\/[^/]+|blobs\/uploads\/[^/]*)$/;

function hasHubPrefix(path: string): boolean {
  const [, first = "", word = ""] = path.split("/", 3);
  return first === "api" || (first === "v2" && reservedNamespaces.has(word));
}

/**
 * Whether an error at this path has the format of the Hub-shaped API, also without a route: the path is below `/api` or
 * below a word that Docker Hub reserves, and has not the form of a path of the distribution API.
 */
export const isHubPath = (path: string): boolean =>
  path.startsWith("/api/") || path === "/api"
    ? true
    : hasHubPrefix(path) && !registryEnd.test(path);
