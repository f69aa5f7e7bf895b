import ipaddr from "ipaddr.js";
import type { IncomingMessage } from "node:http";
import type { Middleware } from "koa";
import type { Logger } from "../observability/logger.ts";

/**
 * One line a request: `debug` where all went well, `info` where the client was refused, `warn` where we failed.
 * The query is left out: it may carry what nobody should read.
 */
export function logRequests(logger: Logger, trustedProxies: readonly string[]): Middleware {
  const isTrusted = createTrust(trustedProxies);
  return async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    ctx.res.once("close", () => {
      const { statusCode } = ctx.res;
      const level =
        statusCode >= 500 ? "warn" : statusCode >= 400 && statusCode !== 404 ? "info" : "debug";
      if (!logger.isLevelEnabled(level)) return;
      logger[level](
        {
          method: ctx.method,
          path: ctx.path,
          status: statusCode,
          ms: Math.round(performance.now() - startedAt),
          peer: peerOf(ctx.req, isTrusted),
          agent: ctx.get("User-Agent") || undefined,
        },
        "request",
      );
    });
  };
}

/** Whether an address lies in one of some networks. */
export type Trust = (address: string) => boolean;

export function createTrust(proxies: readonly string[]): Trust {
  const ranges = proxies.map((proxy) => {
    if (proxy.includes("/")) return ipaddr.parseCIDR(proxy);
    const address = ipaddr.process(proxy);
    return [address, address.kind() === "ipv4" ? 32 : 128] as const;
  });
  return (address) => {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return ranges.some(
      ([range, bits]) => parsed.kind() === range.kind() && parsed.match(range, bits),
    );
  };
}

/** Who asked: the connection's address, or what proxies we trust say of theirs, from the nearest on. */
export function peerOf(request: IncomingMessage, isTrusted: Trust): string {
  let peer = request.socket.remoteAddress ?? "";
  const forwarded = String(request.headers["x-forwarded-for"] ?? "")
    .split(",")
    .map((part) => part.trim());
  while (isTrusted(peer) && forwarded.length > 0) {
    const next = forwarded.pop();
    if (next === undefined || !ipaddr.isValid(next)) break;
    peer = next;
  }
  return peer;
}
