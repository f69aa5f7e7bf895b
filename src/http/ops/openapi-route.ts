import { route, type Route } from "../route.ts";

/** `GET /openapi.json`: the OpenAPI document of all routes. */
export function documentRoutes(parts: { readonly document: () => object }): readonly Route[] {
  let text: string | undefined;
  return [
    route({
      method: "get",
      path: "/openapi.json",
      requires: { kind: "none" },
      handle: ({ ctx }) => {
        text ??= JSON.stringify(parts.document());
        ctx.type = "application/json";
        ctx.body = text;
      },
    }),
  ];
}
