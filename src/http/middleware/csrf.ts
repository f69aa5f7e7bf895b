import { isIP } from "node:net";
import type { Middleware } from "koa";
import type { IncomingMessage } from "node:http";
import { memoized } from "../../concurrency/bounded-cache.ts";
import { OciError } from "../../oci/errors.ts";
import type { ClientInfo } from "./client-info.ts";
import type { Cors } from "./cors.ts";
import type { SessionCookie } from "./session-cookie.ts";
import { setErrorFormat } from "./request-state.ts";

/*
 * Protects a registry that a user's browser can reach against web pages of other sites (CSRF, DNS rebinding). The rules
 * apply to every path of the registry's address, independent of its routes: `http/app.ts` runs them before all routers,
 * and the fast path checks `isKnownHost`.
 */

/** Every response has this header: browsers use the Content-Type as sent and do not sniff scripts in other content. */
export const nosniff = "x-content-type-options";

/**
 * Headers of all pushed content. The pusher chooses its Content-Type, also `text/html`: the browser downloads it. If
 * the browser displays it anyway, it runs no scripts and gives it an opaque origin.
 */
export const pushedContentHeaders = {
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Content-Disposition": "attachment",
} as const;

export interface BrowserRules {
  /**
   * Whether the Host of a request is a name that no other site can control; always true outside open mode. A page can
   * let its own name resolve to this machine (DNS rebinding) and then has the same origin as the registry. This does
   * not work with an IP address or a loopback name.
   */
  readonly isKnownHost: (request: IncomingMessage) => boolean;
  /** Rejects with 403 requests with an unknown host, and changes that a page of another site requests. */
  readonly middleware: Middleware;
}

export function createBrowserRules(parts: {
  readonly clientInfo: ClientInfo;
  readonly sessionCookie: SessionCookie;
  /** `auth.open`: requests need no credentials, so a page of any site could send them. */
  readonly isOpen: boolean;
  readonly publicUrl: string | undefined;
  /** Whether an error at a path has the format of the Hub-shaped API. */
  readonly isHubPath: (path: string) => boolean;
  readonly cors: Pick<Cors, "allows">;
}): BrowserRules {
  const { clientInfo, sessionCookie, isOpen, publicUrl, isHubPath, cors } = parts;
  const publicName = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;

  const isKnownName = memoized((host) => {
    const name = host
      .toLowerCase()
      .replace(/:\d*$/, "")
      .replace(/^\[(.*)\]$/, "$1");
    return isIP(name) !== 0 || /^(?:.+\.)?localhost\.?$/.test(name) || name === publicName;
  });
  // An HTTP/1.0 request has no Host, and no browser sends HTTP/1.0.
  const isKnownHost = ({ headers: { host } }: IncomingMessage): boolean =>
    !isOpen || host === undefined || isKnownName(host);

  const isOwnOrigin = (request: IncomingMessage, origin: string): boolean => {
    if (!URL.canParse(origin)) return false;
    const { host } = new URL(origin);
    return (
      host === request.headers.host?.toLowerCase() || host === hostOf(clientInfo.originOf(request))
    );
  };

  /** The reason of the rejection; `undefined` if the request is allowed. */
  const refusalOf = (request: IncomingMessage): string | undefined => {
    if (!isKnownHost(request))
      return "in open mode the registry answers only to localhost, to an IP address and to the host of publicUrl: use one of them, or set publicUrl";
    const { method = "GET", headers } = request;
    if (["GET", "HEAD", "OPTIONS"].includes(method)) return undefined;
    // A browser adds the cookie to the requests of all pages.
    if (sessionCookie.read(request) !== undefined)
      return isFromOwnPage(request, clientInfo) ? undefined : notFromOwnPage;
    if (cors.allows(request)) return undefined;
    if (headers["sec-fetch-site"] === "cross-site")
      return "a page of another site may not change anything here (Sec-Fetch-Site: cross-site)";
    if (headers.origin === undefined || isOwnOrigin(request, headers.origin)) return undefined;
    return "a page of another site may not change anything here: the Origin is not this registry's; behind a proxy set publicUrl";
  };

  return {
    isKnownHost,
    middleware: async (ctx, next) => {
      const rejection = refusalOf(ctx.req);
      if (rejection === undefined) return next();
      if (isHubPath(ctx.path)) setErrorFormat(ctx, "hub");
      throw new OciError("DENIED", rejection);
    },
  };
}

/** The message for a request with a cookie, or a sign-in, that {@link isFromOwnPage} does not accept. */
export const notFromOwnPage =
  "this did not come from Berth's own pages; behind a proxy set publicUrl";

/**
 * Whether a page of the registry itself sent a change. On http outside of the own machine browsers send no
 * Sec-Fetch-Site, but they send Origin with each change.
 */
export function isFromOwnPage(
  request: IncomingMessage,
  clientInfo: Pick<ClientInfo, "originOf">,
): boolean {
  const { origin, "sec-fetch-site": site } = request.headers;
  if (site !== undefined) return site === "same-origin";
  return origin !== undefined && origin === new URL(clientInfo.originOf(request)).origin;
}

const hostOf = (url: string): string => new URL(url).host;
