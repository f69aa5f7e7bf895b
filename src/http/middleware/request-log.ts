import type { Context, Middleware } from "koa";
import type { Principal } from "../../auth/principal.ts";
import type { Logger } from "../../observability/logger.ts";
import type { RequestLog } from "../../observability/request-log.ts";
import type { ClientInfo } from "./client-info.ts";
import { requestIdOf } from "./request-ids.ts";
import type { RequestMetrics } from "./request-metrics.ts";
import { recordOf, routeOf, setPeer } from "./request-state.ts";
import { endTrace, traceIdOf } from "./request-trace.ts";
import type { TokenLabels } from "./token-labels.ts";

export interface RecordParts {
  readonly logger: Logger;
  readonly requestLog: RequestLog;
  readonly requestMetrics: RequestMetrics;
  readonly clientInfo: ClientInfo;
  readonly tokenLabels: TokenLabels;
}

/** Counts each request of the Koa pipeline when it has ended, and writes its line to the log. */
export function recordRequests(parts: RecordParts): Middleware {
  const { logger, clientInfo, requestMetrics } = parts;
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
    const beganAtMs = performance.now();
    const peer = clientInfo.peerOf(ctx.req);
    setPeer(ctx, peer);
    const before = socketBytesOf(ctx);
    // The client can leave while the handler runs.
    ctx.res.once("close", () => {
      const status = ctx.res.headersSent ? ctx.res.statusCode : undefined;
      endTrace(ctx, status, peer);
      const durationMs = requestMetrics.of(routeOf(ctx)).count(ctx.method, status, beganAtMs);
      void write(parts, ctx, { status, peer, durationMs, before });
    });
    await next();
  };
}

interface Ended {
  readonly status: number | undefined;
  readonly peer: string;
  readonly durationMs: number;
  readonly before: SocketBytes;
}

interface SocketBytes {
  readonly read: number;
  readonly written: number;
}

/** The bytes of the connection until now, with those of its earlier requests. */
const socketBytesOf = (ctx: Context): SocketBytes => ({
  read: ctx.req.socket.bytesRead,
  written: ctx.req.socket.bytesWritten,
});

async function write(
  { requestLog, tokenLabels }: RecordParts,
  ctx: Context,
  { status, peer, durationMs, before }: Ended,
): Promise<void> {
  const { method, path } = ctx;
  const hasCredentials = ctx.req.headers.authorization !== undefined;
  const level = requestLog.levelOf({ status, path, hasCredentials });
  if (level === undefined) return;
  const { principal, repository, rejection } = recordOf(ctx);
  const { account, token } = credentialOf(principal);
  const bytes = {
    receivedBytes: receivedBytesOf(ctx, before),
    sentBytes: sentBytesOf(ctx, before),
  };
  requestLog.write(level, {
    requestId: requestIdOf(ctx) ?? "",
    traceId: traceIdOf(ctx.req),
    ...{ method, path, repository, status, account },
    token: token && (await tokenLabels.find(token)),
    rejection,
    ...bytes,
    ...{ durationMs, peer },
    agent: ctx.req.headers["user-agent"],
  });
}

/** The account of a principal, and the id of its access token. */
export function credentialOf(principal: Principal | undefined): {
  readonly account?: string;
  readonly token?: string | undefined;
} {
  if (principal === undefined || principal.kind === "anonymous") return {};
  return { account: principal.name, token: principal.accessToken };
}

/** The bytes of the body; of one without `Content-Length` or that is cut off, about. */
function receivedBytesOf(ctx: Context, before: SocketBytes): number {
  const { "content-length": length, "transfer-encoding": encoding } = ctx.req.headers;
  if (length === undefined && encoding === undefined) return 0;
  if (ctx.req.complete && length !== undefined) return Number(length);
  return Math.max(0, socketBytesOf(ctx).read - before.read);
}

function sentBytesOf(ctx: Context, before: SocketBytes): number {
  const { res } = ctx;
  const length = res.getHeader("content-length");
  if (!res.writableFinished || length === undefined)
    return Math.max(0, socketBytesOf(ctx).written - before.written);
  return ctx.method === "HEAD" || res.statusCode === 304 ? 0 : Number(length);
}
