import type { Context, Middleware } from "koa";
import { OciError, renderErrors } from "../oci/errors.ts";
import { describeFailure } from "../registry/errors.ts";
import type { Logger } from "../observability/logger.ts";
import { nosniff } from "./middleware/csrf.ts";
import { requestIdHeader, requestIdOf } from "./middleware/request-ids.ts";
import { addToRecord, errorFormatOf } from "./middleware/request-state.ts";
import { traceIdOf } from "./middleware/request-trace.ts";
import { endBeforeBody } from "./middleware/early-end.ts";
import { HubError, hubErrorOf, renderHubError } from "./hub/errors.ts";
import { renderTokenError } from "./token/errors.ts";

/** Error codes which mean that the client closed the connection, so that no response can be sent. */
const goneCodes = new Set([
  "ECONNRESET",
  "EPIPE",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "ABORT_ERR",
]);

/** Name in lower case, as Node stores it. Every response below `/v2` has this header. */
export const versionHeader = "docker-distribution-api-version";

/** Headers that an error has too. */
const keptHeaders: ReadonlySet<string> = new Set([versionHeader, nosniff, requestIdHeader]);

/**
 * Renders every error as the body and the headers of the error format of its path. Only the request log is outside of
 * this middleware. Koa's own error handler would drop the headers and answer in plain text.
 */
export function renderFailures(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (ctx.res.headersSent || !ctx.writable) return abandon(ctx, error, logger);
      render(ctx, errorOf(error, ctx, logger));
    }
  };
}

function requestOf(ctx: Context) {
  const traceId = traceIdOf(ctx.req);
  const request = { requestId: requestIdOf(ctx), method: ctx.method, path: ctx.path };
  return traceId === undefined ? request : { ...request, traceId };
}

function errorOf(thrown: unknown, ctx: Context, logger: Logger): OciError {
  const error = errorFormatOf(ctx) === "hub" ? hubErrorOf(thrown) : thrown;
  if (error instanceof OciError) {
    const { cause } = error;
    if (error.status >= 500 && cause !== undefined)
      logger.error({ err: cause, ...requestOf(ctx) }, error.message);
    return error;
  }
  const foreseen = describeFailure(error);
  if (foreseen !== undefined) {
    logger.error({ err: error, ...requestOf(ctx) }, foreseen.message);
    return foreseen;
  }
  if (error instanceof URIError)
    return new OciError("NAME_INVALID", "the path is not percent-encoded UTF-8");
  logger.error({ err: error, ...requestOf(ctx) }, "a request failed");
  return new OciError("UNKNOWN", "internal error: the log of the registry has the cause");
}

function render(ctx: Context, error: OciError): void {
  // Remove the headers of the intended response: caches must not store an error, and clients must not read it as
  // content.
  for (const name of ctx.res.getHeaderNames())
    if (!keptHeaders.has(name) && !name.startsWith("access-control-")) ctx.remove(name);
  if (ctx.res.hasHeader("access-control-allow-origin")) ctx.vary("Origin");
  const code = error instanceof HubError ? undefined : error.code;
  addToRecord(ctx, { rejection: { code, reason: error.message } });
  ctx.respond = true;
  ctx.status = error.status;
  // A cache may store a 404 without such a header, and the next client may have a session that sees the content.
  if (ctx.path === "/token" || errorFormatOf(ctx) === "hub") ctx.set("Cache-Control", "no-store");
  if (error.reasonPhrase !== undefined) ctx.message = error.reasonPhrase;
  if (error.headers !== undefined) ctx.set({ ...error.headers });
  ctx.type = "application/json";
  const body = JSON.stringify(bodyOf(ctx, error));
  if (!ctx.req.complete) {
    ctx.respond = false;
    ctx.set("Content-Length", String(Buffer.byteLength(body)));
    void endBeforeBody(ctx.req, ctx.res, body);
  } else ctx.body = body;
}

function bodyOf(ctx: Context, error: OciError): object {
  if (ctx.path === "/token") return renderTokenError(error);
  return errorFormatOf(ctx) === "hub" ? renderHubError(error) : renderErrors(error);
}

/**
 * The response has started or the client is gone. Destroys the connection, so that the client does not take a truncated
 * response for a complete one.
 */
function abandon(ctx: Context, error: unknown, logger: Logger): void {
  ctx.respond = false;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const details = { err: error, ...requestOf(ctx) };
  if (!ctx.writable || goneCodes.has(code)) logger.debug(details, "the client disconnected");
  else logger.error(details, "a response was aborted after its start");
  ctx.res.destroy();
}
