import type { Context } from "koa";
import type { Grant } from "../../auth/principal.ts";
import type { Actor } from "../../registry/registry.ts";

interface RequestState {
  grant?: Grant;
  actor?: Actor;
  peer?: string;
  errorFormat?: "hub";
}

/** Remembers who a request comes from, once the router has judged it. */
export function setGrant(ctx: Context, grant: Grant, actor: Actor): void {
  Object.assign(ctx.state, { grant, actor } satisfies RequestState);
}

/** Remembers the address that a request comes from. */
export function setPeer(ctx: Context, peer: string): void {
  (ctx.state as RequestState).peer = peer;
}

/** The address that a request comes from. */
export const peerOf = (ctx: Context): string => (ctx.state as RequestState).peer ?? "";

/** Sets the error format of the response. */
export function setErrorFormat(ctx: Context, errorFormat: "hub"): void {
  (ctx.state as RequestState).errorFormat = errorFormat;
}

export const errorFormatOf = (ctx: Context): "hub" | undefined =>
  (ctx.state as RequestState).errorFormat;

/** Who a request comes from; every route that needs a permission has one. */
export function grantOf(ctx: Context): Grant {
  const { grant } = ctx.state as RequestState;
  if (grant === undefined) throw new TypeError("the route declares no permission");
  return grant;
}

/** Who changes what a request asks for, with the permission of its route. In open mode nobody that we know. */
export function actorOf(ctx: Context): Actor {
  const { actor } = ctx.state as RequestState;
  if (actor === undefined) throw new TypeError("the route declares no permission");
  return actor;
}
