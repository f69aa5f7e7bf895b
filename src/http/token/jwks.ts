import type { Keys } from "../../auth/signing-keys/keys.ts";
import { route, type Route } from "../route.ts";

/** The public keys as a JWK set (RFC 7517), for other services that verify the tokens, such as `distribution`. */
export function jwksRoutes({ keys }: { readonly keys: Pick<Keys, "published"> }): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/.well-known/jwks.json",
      requires: { kind: "none" },
      handle: async ({ ctx }) => {
        ctx.set("Cache-Control", "public, max-age=60");
        ctx.body = { keys: await keys.published() };
      },
    }),
  ];
}
