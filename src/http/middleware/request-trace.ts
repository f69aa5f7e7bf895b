import type { IncomingMessage, RequestListener } from "node:http";
import type { Context } from "koa";
import type { TracedRequest, Tracing } from "../../observability/tracing.ts";
import type { ClientInfo } from "./client-info.ts";
import { requestIdOf } from "./request-ids.ts";
import { recordOf, routeOf } from "./request-state.ts";

/** The requests that are traced and have not ended. */
const traced = new WeakMap<IncomingMessage, TracedRequest>();

const spanOf = (request: IncomingMessage): TracedRequest | undefined => traced.get(request);

/** The id of the trace of a request, for the log; `undefined`: it is not traced. */
export const traceIdOf = (request: IncomingMessage): string | undefined => spanOf(request)?.traceId;

/** Traces some requests: these go to the Koa pipeline, all others to `handle`, which has the fast path. */
export function withTracing(
  handle: RequestListener,
  koaPipeline: RequestListener,
  { tracing, clientInfo }: { readonly tracing: Tracing; readonly clientInfo: ClientInfo },
): RequestListener {
  return (request, response) => {
    const { traceparent } = request.headers;
    // Any other client could choose how many requests are traced.
    const isTrusted = typeof traceparent === "string" && clientInfo.isFromProxy(request);
    const span = tracing.begin(isTrusted ? traceparent : undefined);
    if (span === undefined) return handle(request, response);
    traced.set(request, span);
    span.run(() => koaPipeline(request, response));
  };
}

/** Ends the span of a request, if it has one. `status` is `undefined` if the client left before the answer. */
export function endTrace(ctx: Context, status: number | undefined, peer: string): void {
  const span = spanOf(ctx.req);
  if (span === undefined) return;
  const { principal, repository } = recordOf(ctx);
  const route = routeOf(ctx);
  span.end({
    name: `${ctx.method} ${route}`,
    isFailed: status !== undefined && status >= 500,
    attributes: {
      "http.request.method": ctx.method,
      "http.route": route,
      "url.path": ctx.path,
      "client.address": peer,
      "berth.request_id": requestIdOf(ctx) ?? "",
      ...(status !== undefined && { "http.response.status_code": status }),
      ...(repository !== undefined && { "berth.repository": repository }),
      ...(principal !== undefined &&
        principal.kind !== "anonymous" && { "enduser.id": principal.name }),
    },
  });
}
