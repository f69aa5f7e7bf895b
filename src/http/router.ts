import Router from "@koa/router";
import type { Context, Middleware } from "koa";
import { stranger } from "../auth/caller.ts";
import type { Permission, Policy } from "../auth/policy.ts";
import { OciError } from "../oci/errors.ts";
import { parseRepositoryName } from "../oci/name.ts";
import type { Callers } from "./authenticate.ts";
import { setCaller } from "./caller.ts";
import type { Challenger } from "./challenge.ts";
import type { RepositoryRoute, Route, Target } from "./route.ts";

/** Who may do what, as the wire asks. */
export interface Access {
  readonly callers: Callers;
  readonly policy: Policy;
  readonly challenger: Challenger;
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
  access: Access,
): Promise<void> {
  if (route.permission.kind === "repository" || route.permission.kind === "page") {
    const asked = ctx.params["name"] ?? "";
    const repository = parseRepositoryName(asked);
    if (route.permission.kind === "page")
      await admitToPage(ctx, access, route.permission, { repository, asked });
    else await admit(ctx, access, route.permission, { repository, asked });
    await (route.handle as RepositoryRoute["handle"])(ctx, {
      repository,
      asked,
    });
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
  const found = await callers.of(ctx.req, target?.repository);
  const caller = found === "nothing" && permission.kind === "browse" ? stranger : found;
  if (caller === "nothing" || caller === "invalid")
    throw challenger.challenge(ctx, permission, target?.asked, caller);
  if (!policy.allows({ caller, permission, repository: target?.repository }))
    throw challenger.challenge(ctx, permission, target?.asked, "valid");
  setCaller(ctx, caller);
}

/** Reading first: who may not do that learns nothing, not even from what else they may not do. */
async function admitToPage(
  ctx: Context,
  { callers, policy, challenger }: Access,
  permission: Permission & { readonly kind: "page" },
  target: Target,
): Promise<void> {
  const { repository, asked } = target;
  const found = await callers.of(ctx.req, repository);
  if (found === "invalid") throw challenger.challenge(ctx, permission, asked, found);
  const caller = found === "nothing" ? stranger : found;
  if (!(await policy.mayRead(caller, repository)))
    throw new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
  if (permission.actions.length > 0 && !policy.allows({ caller, permission, repository })) {
    if (found === "nothing") throw challenger.challenge(ctx, permission, asked, found);
    throw new OciError("DENIED", `this takes ${permission.actions.join(" and ")}`);
  }
  setCaller(ctx, caller);
}
