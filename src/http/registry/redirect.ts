import { isIP } from "node:net";
import type { Context } from "koa";
import { ipMatcher, type ClientInfo } from "../middleware/client-info.ts";

/** Whether this client is to read blobs from the store itself, if the store gives a link. */
export type MayRedirect = (ctx: Context) => boolean;

/**
 * Everybody, except those whose address lies in a network of `except`, or whose User-Agent begins with a text of it.
 * Behind a proxy that is trusted, the address is the one that the proxy tells.
 */
export function createRedirectRule(parts: {
  readonly except: readonly string[];
  readonly clientInfo: ClientInfo;
}): MayRedirect {
  const networks = parts.except.filter((entry) => isIP(entry.split("/")[0] ?? "") !== 0);
  const agents = parts.except
    .filter((entry) => !networks.includes(entry))
    .map((entry) => entry.toLowerCase());
  const isExcepted = ipMatcher(networks);
  return (ctx) => {
    const agent = ctx.get("User-Agent").toLowerCase();
    if (agents.some((entry) => agent.startsWith(entry))) return false;
    return networks.length === 0 || !isExcepted(parts.clientInfo.peerOf(ctx.req));
  };
}
