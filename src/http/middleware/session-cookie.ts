import type { IncomingMessage } from "node:http";
import type { Context } from "koa";
import { isSessionSecret } from "../../auth/browser-sessions.ts";
import type { ClientInfo } from "./client-info.ts";

/*
 * The cookie of a browser session. HttpOnly: scripts cannot read it. SameSite=Lax: a link on another page opens the
 * registry signed in, but a form on another page is sent without the cookie.
 *
 * On https its name has the prefix `__Host-`: a browser accepts such a cookie only from this host and with `Secure`, so
 * neither another host of the domain nor a page on http can set it. On http no browser keeps a cookie with `Secure`.
 */

const nameOnHttps = "__Host-berth";
const nameOnHttp = "berth";

/** Only Berth's own API and the Hub-shaped API read the cookie: never the distribution API and the token endpoint. */
export interface SessionCookie {
  /**
   * The secret in the cookie of a request. `undefined`: no cookie, no secret in it, or the request has `Authorization`,
   * which has precedence.
   */
  read(request: IncomingMessage): string | undefined;
  set(ctx: Context, secret: string, maxAgeSeconds: number): void;
  /** Removes the cookie. On https the browser also deletes what it has cached and stored of this origin. */
  clear(ctx: Context): void;
}

export function createSessionCookie(clientInfo: Pick<ClientInfo, "originOf">): SessionCookie {
  const isHttps = (request: IncomingMessage): boolean =>
    clientInfo.originOf(request).startsWith("https:");

  const write = (ctx: Context, value: string, maxAgeSeconds: number): void => {
    const secure = isHttps(ctx.req);
    const name = secure ? nameOnHttps : nameOnHttp;
    const attributes = `Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Lax`;
    ctx.append("Set-Cookie", `${name}=${value}; ${attributes}${secure ? "; Secure" : ""}`);
  };

  return {
    read(request) {
      const { authorization, cookie } = request.headers;
      if (cookie === undefined || (authorization !== undefined && authorization !== ""))
        return undefined;
      const start = `${isHttps(request) ? nameOnHttps : nameOnHttp}=`;
      const pairs = cookie.split(";").map((pair) => pair.trim());
      const secret = pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
      return secret !== undefined && isSessionSecret(secret) ? secret : undefined;
    },
    set: write,
    clear(ctx) {
      write(ctx, "", 0);
      if (isHttps(ctx.req)) ctx.set("Clear-Site-Data", '"cache", "storage"');
    },
  };
}
