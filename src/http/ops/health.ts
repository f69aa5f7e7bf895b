import type { IncomingMessage, RequestListener } from "node:http";
import Router from "@koa/router";
import Koa from "koa";
import { OciError } from "../../oci/errors.ts";
import type { Metrics } from "../../observability/metrics.ts";
import type { Logger } from "../../observability/logger.ts";
import { nosniff } from "../middleware/csrf.ts";
import { renderFailures } from "../errors.ts";
import { ipMatcher } from "../../network/addresses.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { route, type Route, type RouteRequest } from "../route.ts";

/** The reasons why components do not work, by component. */
export type Problems = Readonly<Record<string, string>>;

export interface Readiness {
  /** False: a load balancer should send requests to other servers. */
  readonly isReady: boolean;
  readonly problems: Problems;
}

export interface HealthParts {
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: Metrics;
  /**
   * Whether the client may read the metrics and the problems of the server. Other clients see only whether the server
   * is ready.
   */
  readonly isOperator: (request: IncomingMessage) => boolean;
}

/**
 * Whether the request comes from an address in `metrics.allow`. A request that an untrusted proxy forwarded never
 * matches: its address is that of the proxy, and the client is unknown.
 */
export function createOperatorCheck(
  allow: readonly string[],
  clientInfo: Pick<ClientInfo, "peerOf" | "isForwardedByUntrusted">,
): HealthParts["isOperator"] {
  const isAllowed = ipMatcher(allow);
  return (request) =>
    isAllowed(clientInfo.peerOf(request)) && !clientInfo.isForwardedByUntrusted(request);
}

/**
 * Runs at most one probe per `everyMs`, because a probe writes to the disk and every client can request one. While a
 * probe runs (minutes on a disk that hangs), no second probe starts; requests wait for the same result.
 */
export function probeAtMostEvery(
  everyMs: number,
  probe: () => Promise<Problems>,
  logger: Logger,
): () => Promise<Problems> {
  let result: Promise<Problems> | undefined;
  let untilMs = 0;
  const run = async (): Promise<Problems> => {
    untilMs = Infinity;
    try {
      const problems = await probe();
      if (hasAny(problems)) logger.warn({ problems }, "parts of the server do not work");
      return problems;
    } finally {
      untilMs = performance.now() + everyMs;
    }
  };
  return () => {
    if (result === undefined || performance.now() >= untilMs) result = run();
    return result;
  };
}

const hasAny = (problems: Problems): boolean => Object.keys(problems).length > 0;

/** Routes for the operator: health, readiness and `GET /metrics` for Prometheus. */
export function healthRoutes({ readiness, metrics, isOperator }: HealthParts): readonly Route[] {
  const requires = { kind: "none" } as const;
  return [
    route({
      method: "get",
      path: "/healthz",
      requires,
      handle: ({ ctx }) => {
        ctx.body = { status: "alive" };
      },
    }),
    route({
      method: "get",
      path: "/readyz",
      requires,
      handle: async ({ ctx }) => {
        const { isReady, problems } = await readiness();
        const details = hasAny(problems) && isOperator(ctx.req) ? { problems } : {};
        ctx.status = isReady ? 200 : 503;
        ctx.set("Cache-Control", "no-store");
        ctx.body = { status: isReady ? "ready" : "not ready", ...details };
      },
    }),
    route({
      method: "get",
      path: "/metrics",
      requires,
      handle: async ({ ctx }) => {
        // The same error as for a path that has no route.
        if (!isOperator(ctx.req))
          throw new OciError("UNSUPPORTED", "there is nothing at this path", { status: 404 });
        const { body, contentType } = await metrics(ctx.get("Accept"));
        ctx.set({ "Content-Type": contentType, "Cache-Control": "no-store" });
        ctx.body = body;
      },
    }),
  ];
}

/** Serves only these routes, on the address of `metrics.listen`. Every client of this address is an operator. */
export function createHealthApp(
  parts: Omit<HealthParts, "isOperator">,
  logger: Logger,
): RequestListener {
  const router = new Router();
  for (const { path, handle } of healthRoutes({ ...parts, isOperator: () => true }))
    router.get(path, async (ctx) => {
      await handle({ ctx } as unknown as RouteRequest);
    });
  const app = new Koa();
  app.use(renderFailures(logger)).use(router.routes() as unknown as Koa.Middleware);
  app.on("error", (error) => logger.debug({ err: error }, "a connection failed"));
  const callback = app.callback();
  return (request, response) => {
    response.setHeader(nosniff, "nosniff");
    void callback(request, response);
  };
}
