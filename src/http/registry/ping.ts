import type { Context } from "koa";
import type { Route } from "../route.ts";

/** `GET /v2/`: clients check the API version and their credentials with it. */
export const pingRoutes: readonly Route[] = ["/v2", "/v2/"].map((path) => ({
  method: "get",
  path,
  permission: { kind: "access" },
  handle: (ctx: Context) => {
    ctx.type = "application/json";
    ctx.body = "{}";
  },
}));
