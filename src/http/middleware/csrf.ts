import { isIP } from "node:net";
import type { Context, Middleware } from "koa";
import type { IncomingMessage } from "node:http";
import { memoized } from "../../concurrency/byte-cache.ts";
import { OciError } from "../../oci/errors.ts";
import type { ClientInfo } from "./client-info.ts";

/*
 * What keeps web pages of other sites from using a registry that the browser of a user can reach. It holds for every
 * path, whatever its routes declare: `http/app.ts` puts it in front of all of them.
 */

/** On every response: a browser takes the Content-Type as it is, and never finds a script in something else. */
export const nosniff = "x-content-type-options";

/**
 * On everything that a client has pushed. Its Content-Type is the pusher's choice, `text/html` included: the browser
 * saves it, and if it shows it nevertheless, then without scripts and in an origin of its own.
 */
export const pushedContentHeaders = {
  "Content-Security-Policy": "default-src 'none'; sandbox",
  "Content-Disposition": "attachment",
} as const;

export interface BrowserRules {
  /**
   * Open mode only: whether the Host of a request is a name that no other site can have. A page can make its own name
   * resolve to this machine (DNS rebinding), and is then the same origin as the registry; an address or a loopback name
   * can't be taken that way.
   */
  readonly isKnownHost: (request: IncomingMessage) => boolean;
  /** Refuses with 403 what comes under a host that is not known, and what a page of another site wants to change. */
  readonly middleware: Middleware;
}

export function createBrowserRules(parts: {
  readonly clientInfo: ClientInfo;
  /** `auth.open`: a request needs no credentials, so that any page could send it. */
  readonly isOpen: boolean;
  readonly publicUrl: string | undefined;
  /** Says in which error format a path is answered. */
  readonly prepare: (ctx: Context) => void;
}): BrowserRules {
  const { clientInfo, isOpen, publicUrl, prepare } = parts;
  const publicName = publicUrl === undefined ? undefined : new URL(publicUrl).hostname;

  const isKnownName = memoized((host) => {
    const name = host
      .toLowerCase()
      .replace(/:\d*$/, "")
      .replace(/^\[(.*)\]$/, "$1");
    return isIP(name) !== 0 || /^(?:.+\.)?localhost\.?$/.test(name) || name === publicName;
  });
  // HTTP/1.0 has no Host, and no browser speaks it.
  const isKnownHost = ({ headers: { host } }: IncomingMessage): boolean =>
    !isOpen || host === undefined || isKnownName(host);

  const isOwnOrigin = (request: IncomingMessage, origin: string): boolean => {
    if (!URL.canParse(origin)) return false;
    const { host } = new URL(origin);
    return (
      host === request.headers.host?.toLowerCase() || host === hostOf(clientInfo.originOf(request))
    );
  };

  /** Why a request is refused; `undefined` if it is not. */
  const refusalOf = (request: IncomingMessage): string | undefined => {
    if (!isKnownHost(request))
      return "in open mode the registry answers only to localhost, to an IP address and to the host of publicUrl: use one of them, or set publicUrl";
    const { method = "GET", headers } = request;
    if (["GET", "HEAD", "OPTIONS"].includes(method)) return undefined;
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
      prepare(ctx);
      throw new OciError("DENIED", rejection);
    },
  };
}

const hostOf = (url: string): string => new URL(url).host;
