import type { Middleware } from "koa";
import type { Logger } from "../observability/logger.ts";
import { setPeer } from "./caller.ts";
import type { Origins } from "./origins.ts";

/**
 * One line a request: `debug` where all went well, `info` where the client was refused, `warn` where we failed.
 * The query is left out: it may carry what nobody should read.
 */
export function logRequests(logger: Logger, origins: Origins): Middleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    const peer = origins.peerOf(ctx.req);
    setPeer(ctx, peer);
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
          peer,
          agent: ctx.get("User-Agent") || undefined,
        },
        "request",
      );
    });
  };
}
