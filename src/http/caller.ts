import type { Context } from "koa";
import { accountIdOf, nameOf, type Caller } from "../auth/caller.ts";
import type { Actor } from "../registry/registry.ts";

interface RequestState {
  caller?: Caller;
  peer?: string;
  surface?: "hub";
}

/** Remembers who a request comes from, once the router has found it out. */
export function setCaller(ctx: Context, caller: Caller): void {
  (ctx.state as RequestState).caller = caller;
}

/** Remembers the address that a request comes from. */
export function setPeer(ctx: Context, peer: string): void {
  (ctx.state as RequestState).peer = peer;
}

/** The address that a request comes from. */
export const peerOf = (ctx: Context): string => (ctx.state as RequestState).peer ?? "";

/** Says in whose form errors are to be told. */
export function setSurface(ctx: Context, surface: "hub"): void {
  (ctx.state as RequestState).surface = surface;
}

export const surfaceOf = (ctx: Context): "hub" | undefined => (ctx.state as RequestState).surface;

/** Who a request comes from; every route that needs a permission has one. */
export function callerOf(ctx: Context): Caller {
  const { caller } = ctx.state as RequestState;
  if (caller === undefined) throw new TypeError("the route declares no permission");
  return caller;
}

/** Who does what a request asks for. In open mode nobody that we know. */
export function actorOf(ctx: Context): Actor {
  const caller = callerOf(ctx);
  return { accountId: accountIdOf(caller), name: nameOf(caller), peer: peerOf(ctx) };
}
