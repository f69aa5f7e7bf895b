import type { Middleware } from "koa";
import type { Logger } from "../../observability/logger.ts";
import { setPeer } from "./request-state.ts";
import type { ClientInfo } from "./client-info.ts";

/**
 * Logs one line per request: `debug` for success and 404, `info` for rejected requests, `warn` for 5xx. A 401 without
 * credentials is `debug`: every login and pull begins with this challenge.
 * The query is not logged, because it may contain secrets.
 */
export function logRequests(logger: Logger, clientInfo: ClientInfo): Middleware {
  let isWarned = false;
  return async (ctx, next) => {
    if (!isWarned && clientInfo.isForwardedByUntrusted(ctx.req)) {
      isWarned = true;
      const address = ctx.req.socket.remoteAddress;
      logger.warn(
        { address },
        "a proxy that is not in trustedProxies forwards requests: all its clients count as one address, for limits, logs and /metrics; if the proxy is yours, set trustedProxies and publicUrl",
      );
    }
    const startedAt = performance.now();
    const peer = clientInfo.peerOf(ctx.req);
    setPeer(ctx, peer);
    await next();
    ctx.res.once("close", () => {
      const { statusCode } = ctx.res;
      const level = levelOf(statusCode, ctx.req.headers.authorization !== undefined);
      if (!logger.isLevelEnabled(level)) return;
      logger[level](
        {
          method: ctx.method,
          path: ctx.path,
          status: statusCode,
          ms: Math.round(performance.now() - startedAt),
          peer,
          agent: ctx.get("User-Agent") || undefined,
        },
        "request",
      );
    });
  };
}

function levelOf(status: number, isPresented: boolean): "warn" | "info" | "debug" {
  if (status >= 500) return "warn";
  if (status < 400 || status === 404) return "debug";
  return status === 401 && !isPresented ? "debug" : "info";
}
