import { isIP } from "node:net";
import type { Context } from "koa";
import { ipMatcher, type ClientInfo } from "../middleware/client-info.ts";

/** Whether a blob request of this client may be redirected to a signed URL of the store. */
export type MayRedirect = (ctx: Context) => boolean;

/**
 * Allows all clients except those whose address is in a network of `except`, or whose User-Agent begins with a text of
 * `except` (case-insensitive). Behind a trusted proxy, the proxy's X-Forwarded-For gives the address.
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
