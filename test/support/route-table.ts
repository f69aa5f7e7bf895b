import { routesOf, type AppParts } from "../../src/http/app.ts";
import type { Route } from "../../src/http/route.ts";

/*
 * The table of all routes, built with stub parts. It is for tests that read the table and never call a handler.
 */
const parts = {
  registry: {},
  catalog: { search: {} },
  tokens: {},
  hub: { hub: {}, accounts: {}, administration: {} },
  health: { readiness: () => Promise.resolve({ isReady: true, problems: {} }) },
  redirectExcept: [],
  trustedProxies: [],
  limits: {
    manifestSize: 1,
    manifestsInFlight: 1,
    bodyTimeout: 1,
    pageSize: 1,
    tagsPerPush: 1,
  },
} as unknown as AppParts;

export const everyRoute: readonly Route[] = routesOf(parts);

/** The title of a route in messages, such as `get /v2/*name/tags/list`. */
export const titleOf = ({ method, path }: Route): string => `${method} ${path}`;

/** Returns the route with this title. Throws if it does not exist, so that lists of exceptions stay correct. */
export function routeAt(title: string): Route {
  const found = everyRoute.find((route) => titleOf(route) === title);
  if (found === undefined) throw new Error(`there is no route ${title}`);
  return found;
}
