import Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { stranger } from "../auth/caller.ts";
import type { Permission, Policy } from "../auth/policy.ts";
import { OciError } from "../oci/errors.ts";
import type { Callers } from "./authenticate.ts";
import { setCaller } from "./caller.ts";
import type { Challenger } from "./challenge.ts";
import type { RepositoryRoute, Route, Target } from "./route.ts";
import type { Targets } from "./targets.ts";
import { lookUp } from "./unavailable.ts";

/** Who may do what, as the wire asks. */
export interface Access {
  readonly callers: Callers;
  readonly policy: Policy;
  readonly challenger: Challenger;
  readonly targets: Targets;
}

/**
 * The route table as middleware. Names are parsed here, once, and the same value is used for the permission and for
 * the work. Throws UNAUTHORIZED where the policy refuses, UNSUPPORTED for a method or a path that is not served.
 */
export function createRouter(routes: readonly Route[], access: Access): Middleware {
  // A path means one thing: no folding of case.
  const router = new Router({ sensitive: true });
  for (const route of routes) router[route.method](route.path, (ctx) => answer(route, ctx, access));
  const matched = router.routes();

  return async (ctx) => {
    const known = methodsAt(router, ctx);
    if (known.length === 0)
      throw new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
    if (!known.includes(ctx.method))
      throw new OciError("UNSUPPORTED", `${ctx.method} is not served at this path`, {
        headers: { Allow: known.join(", ") },
      });
    await matched(ctx as Parameters<typeof matched>[0], async () => undefined);
  };
}

/** What a path is served with; of several that fit, the more particular. None: there is nothing at it. */
export function methodsAt(
  router: Pick<Router, "match">,
  { path, method }: Context,
): readonly string[] {
  const [first, ...others] = router.match(path, method).path;
  if (first === undefined) return [];
  const same = [first, ...others].filter((layer) => layer.path === first.path);
  return [...new Set(same.flatMap(({ methods }) => methods))];
}

async function answer(
  route: Route,
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
  access: Access,
): Promise<void> {
  if (route.permission.kind === "repository") {
    const target = access.targets.of(ctx, ctx.params["name"] ?? "");
    await admit(ctx, access, route.permission, target);
    if (target.mirrored !== undefined && route.method !== "get")
      throw new OciError(
        "UNSUPPORTED",
        "a mirror holds what its upstream has, and takes nothing else",
      );
    await (route.handle as RepositoryRoute["handle"])(ctx, target);
    return;
  }
  await admit(ctx, access, route.permission, undefined);
  await (route.handle as (ctx: Context) => Promise<void> | void)(ctx);
}

/** Lets the request in, or throws the 401 that says how to get in; nothing of the request has been looked up before. */
async function admit(
  ctx: Context,
  { callers, policy, challenger }: Access,
  permission: Permission,
  target: Target | undefined,
): Promise<void> {
  if (permission.kind === "none") return;
  const presented = await callers.of(ctx.req, target?.repository);
  const found = presented === "nothing" && permission.kind === "browse" ? stranger : presented;
  if (found === "nothing" || found === "invalid")
    throw challenger.challenge(ctx, permission, target?.asked, found);
  const repository = target?.repository;
  const caller = await lookUp(async () => {
    const settled = repository === undefined ? found : await policy.settle(found, repository);
    return policy.allows({ caller: settled, permission, repository }) ? settled : undefined;
  });
  if (caller === undefined) {
    const shown = found.identity.kind === "anonymous" ? "anonymous" : "valid";
    throw challenger.challenge(ctx, permission, target?.asked, shown);
  }
  setCaller(ctx, caller);
}
