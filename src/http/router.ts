import Router from "@koa/router";
import type { Context, Middleware } from "koa";
import type { Policy } from "../auth/policy.ts";
import { OciError } from "../oci/errors.ts";
import { parseRepositoryName } from "../oci/name.ts";
import type { Route } from "./route.ts";

/**
 * The route table as middleware. Names are parsed here, once, and the same value is used for the permission and for
 * the work. Throws UNAUTHORIZED where the policy refuses, UNSUPPORTED for a method or a path that is not served.
 */
export function createRouter(routes: readonly Route[], policy: Policy): Middleware {
  // A path means one thing: no folding of case.
  const router = new Router({ sensitive: true });
  for (const route of routes) router[route.method](route.path, (ctx) => answer(route, ctx, policy));
  const matched = router.routes();

  return (ctx) =>
    matched(ctx as Parameters<typeof matched>[0], () => {
      const known = router.match(ctx.path, ctx.method).path.flatMap((layer) => layer.methods);
      if (known.length === 0)
        throw new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
      throw new OciError("UNSUPPORTED", `${ctx.method} is not served at this path`, {
        headers: { Allow: [...new Set(known)].join(", ") },
      });
    });
}

async function answer(
  route: Route,
  ctx: Context & { readonly params: Readonly<Record<string, string>> },
  policy: Policy,
): Promise<void> {
  if (route.permission.kind === "repository") {
    const asked = ctx.params["name"] ?? "";
    const repository = parseRepositoryName(asked);
    demand(policy.allows({ permission: route.permission, repository }));
    await (route.handle as Extract<Route, { permission: { kind: "repository" } }>["handle"])(ctx, {
      repository,
      asked,
    });
    return;
  }
  demand(policy.allows({ permission: route.permission, repository: undefined }));
  await (route.handle as (ctx: Context) => Promise<void> | void)(ctx);
}

function demand(allowed: boolean): void {
  if (!allowed) throw new OciError("UNAUTHORIZED");
}
