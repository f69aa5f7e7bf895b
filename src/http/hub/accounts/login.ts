import type { Context } from "koa";
import {
  loginBody,
  loginSchema,
  sessionTokenBody,
  sessionTokenSchema,
} from "../../../api/accounts.ts";
import type { Sessions } from "../../../auth/sessions.ts";
import type { ClientInfo } from "../../middleware/client-info.ts";
import { unavailableOnDatabaseError } from "../../middleware/unavailable.ts";
import { route, type Route } from "../../route.ts";
import { HubError } from "../errors.ts";

/**
 * Lifetime of tokens of `/v2/users/login`: one working day with a command line. A change of the password or the removal
 * of the account or access token ends the session earlier.
 */
const loginSeconds = 24 * 3600;
/** Lifetime of tokens of `/v2/auth/token`. */
const tokenSeconds = 600;

export function loginRoutes(parts: {
  readonly sessions: Sessions | undefined;
  readonly clientInfo: ClientInfo;
}): readonly Route[] {
  const { sessions, clientInfo } = parts;

  const login = async (ctx: Context, name: string, given: string, seconds: number) => {
    const peer = clientInfo.peerOf(ctx.req);
    const found = await unavailableOnDatabaseError(async () =>
      sessions?.login({ name, secret: given }, peer, seconds),
    );
    ctx.set("Cache-Control", "no-store");
    if (found === undefined) throw new HubError(401, "Incorrect authentication credentials");
    return found;
  };

  return [
    route({
      method: "post",
      path: "/v2/users/login",
      requires: { of: "anyone" },
      summary: "A token for a user with a password or a personal access token",
      body: loginBody,
      answer: loginSchema,
      handle: async ({ ctx, body }) => {
        const { token, session } = await login(ctx, body.username, body.password, loginSeconds);
        if (session.principal.kind !== "user")
          throw new HubError(401, "Incorrect authentication credentials");
        return { token };
      },
    }),
    route({
      method: "post",
      path: "/v2/auth/token",
      requires: { of: "anyone" },
      summary: "A token for ten minutes, also with an access token of an organisation",
      body: sessionTokenBody,
      answer: sessionTokenSchema,
      handle: async ({ ctx, body }) => {
        const { token } = await login(ctx, body.identifier, body.secret, tokenSeconds);
        return { access_token: token };
      },
    }),
  ];
}
