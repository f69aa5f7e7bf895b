import type { Context } from "koa";
import type { Route } from "../route.ts";

/** `GET /openapi.json`: the OpenAPI document of all routes. */
export function documentRoutes(parts: { readonly document: () => object }): readonly Route[] {
  let text: string | undefined;
  return [
    {
      method: "get",
      path: "/openapi.json",
      permission: { kind: "none" },
      handle: (ctx: Context) => {
        text ??= JSON.stringify(parts.document());
        ctx.type = "application/json";
        ctx.body = text;
      },
    },
  ];
}
