import type * as z from "zod";
import type { HubPermission } from "../../auth/hub-policy.ts";
import { route, type Route, type RouteDefinition } from "../route.ts";

/** Defines a route under both of Docker Hub's paths for a repository. */
export function repositoryRoutes<
  R extends HubPermission,
  Q extends z.ZodObject | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
  A extends z.ZodType | undefined = undefined,
>(
  given: Omit<RouteDefinition<R, Q, B, A>, "path" | "legacy"> & { readonly rest?: string },
): Route[] {
  const { rest = "", ...definition } = given;
  return [
    { path: `/v2/namespaces/:namespace/repositories/:repository${rest}`, legacy: false },
    { path: `/v2/repositories/:namespace/:repository${rest}`, legacy: true },
  ].map((one) => route<R, Q, B, A>({ ...definition, ...one }));
}
