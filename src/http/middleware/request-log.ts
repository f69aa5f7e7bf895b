import type { Middleware } from "koa";
import type { Logger } from "../../observability/logger.ts";
import { setPeer } from "./principal.ts";
import type { ClientInfo } from "./client-info.ts";

/**
 * One line a request: `debug` where all went well, `info` where the client was refused, `warn` where we failed. The 401
 * that tells a client where to get a token is how every login and pull begins, and no refusal.
 * The query is left out: it may carry what nobody should read.
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
