import type { Context } from "koa";
import type { Caller } from "../auth/caller.ts";

interface CallerState {
  caller?: Caller;
}

/** Remembers who a request comes from, once the router has found it out. */
export function setCaller(ctx: Context, caller: Caller): void {
  (ctx.state as CallerState).caller = caller;
}

/** Who a request comes from; every route that needs a permission has one. */
export function callerOf(ctx: Context): Caller {
  const { caller } = ctx.state as CallerState;
  if (caller === undefined) throw new TypeError("the route declares no permission");
  return caller;
}
