import Koa from "koa";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Policy } from "../auth/policy.ts";
import type { Keys } from "../auth/signing-keys/keys.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { PullEvents } from "../events/pulls.ts";
import type { PullCounters } from "../catalog/pull-counters.ts";
import type { Facts } from "../database/facts.ts";
import type { Logger } from "../observability/logger.ts";
import type { ReadOnly } from "../maintenance/read-only.ts";
import type { ProcessMetrics } from "../observability/process-metrics.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { Tracing } from "../observability/tracing.ts";
import type { Registry } from "../registry/registry.ts";
import type { RequestAuthenticator } from "./middleware/authenticate.ts";
import { createBodyReader, type BodyLimits } from "./middleware/body.ts";
import { createBudgets, type BudgetLimits } from "./middleware/budgets.ts";
import type { WwwAuthenticate } from "./token/www-authenticate.ts";
import { createSessionCookie } from "./middleware/session-cookie.ts";
import { createCors } from "./middleware/cors.ts";
import { createBrowserRules, nosniff } from "./middleware/csrf.ts";
import { renderFailures, versionHeader } from "./errors.ts";
import { hubRoutes, type HubParts } from "./hub/routes.ts";
import type { ResponseCache } from "./middleware/response-cache.ts";
import type { LiveMirrors } from "../mirror/live-mirrors.ts";
import { healthRoutes, type HealthParts } from "./ops/health.ts";
import { documentRoutes, openApiOf } from "./ops/openapi.ts";
import type { ClientInfo } from "./middleware/client-info.ts";
import { recordRequests } from "./middleware/request-log.ts";
import { createRequestIds, requestIdHeader } from "./middleware/request-ids.ts";
import { RequestMetrics } from "./middleware/request-metrics.ts";
import { withTracing } from "./middleware/request-trace.ts";
import type { TokenLabels } from "./middleware/token-labels.ts";
import { createRouter } from "./router.ts";
import type { Route } from "./route.ts";
import { isHubPath } from "./route-table.ts";
import { searchV1Routes } from "./search-v1.ts";
import { withFastPath } from "./middleware/fast-path.ts";
import { createRepositoryResolver } from "./middleware/repository-resolver.ts";
import { jwksRoutes, tokenRoutes, type TokenParts } from "./token/endpoint.ts";
import { createRedirectRule } from "./registry/blob-content.ts";
import { registryRoutes } from "./registry/routes.ts";
import { servePages, type PageParts } from "./web/pages.ts";
import { createSubrequest } from "./web/subrequest.ts";

export interface AppParts {
  readonly registry: Registry;
  readonly facts: Facts;
  readonly hub: HubParts;
  readonly pullCounters: PullCounters;
  readonly pullEvents: PullEvents;
  readonly catalog: Catalog;
  readonly requestAuthenticator: RequestAuthenticator;
  readonly policy: Policy;
  readonly wwwAuthenticate: WwwAuthenticate;
  /**
   * The token endpoint and its signing keys. `undefined` in open mode: there are no tokens, and the policy allows all
   * requests.
   */
  readonly tokens: (TokenParts & { readonly keys: Keys }) | undefined;
  readonly clientInfo: ClientInfo;
  readonly mirrors: LiveMirrors;
  readonly health: HealthParts;
  readonly responseCache: ResponseCache;
  readonly readOnly: Pick<ReadOnly, "current">;
  readonly logger: Logger;
  readonly requestLog: RequestLog;
  readonly tokenLabels: TokenLabels;
  /** `undefined`: no request is traced. */
  readonly tracing: Tracing | undefined;
  readonly metrics: ProcessMetrics;
  /** `auth.open`: requests need no credentials. */
  readonly isOpen: boolean;
  readonly publicUrl: string | undefined;
  /** The pages of these origins may use the distribution API. */
  readonly corsOrigins: readonly string[];
  /** The web pages; `undefined`: none are served. */
  readonly web: Omit<PageParts, "clientInfo"> | undefined;
  /** IP networks and User-Agent prefixes of clients that are never redirected to a signed URL of the store. */
  readonly redirectExcept: readonly string[];
  /** Number of processes that serve this address. Each process enforces its share of the budgets. */
  readonly processes: number;
  readonly limits: BodyLimits &
    BudgetLimits & {
      readonly pageSize: number;
      readonly tagsPerPush: number;
    };
}

/**
 * The route table: the operator, token, registry, Hub-shaped and search v1 routes. Each route declares its permission.
 */
export function routesOf(parts: AppParts): readonly Route[] {
  const { registry, pullCounters, pullEvents, catalog, policy, tokens, clientInfo, limits } = parts;
  const sessionCookie = createSessionCookie(clientInfo);
  const mayRedirect = createRedirectRule({ except: parts.redirectExcept, clientInfo });
  const served: readonly Route[] = [
    ...healthRoutes(parts.health),
    ...documentRoutes({ document: () => openApiOf(served) }),
    ...(tokens === undefined ? [] : [...tokenRoutes(tokens), ...jwksRoutes(tokens)]),
    ...registryRoutes({ registry, policy, pullCounters, pullEvents, mayRedirect, limits }),
    ...hubRoutes({ ...parts.hub, registry, catalog, clientInfo, sessionCookie }),
    ...searchV1Routes({ search: catalog.search, policy }),
  ];
  return served;
}

export function createApp(
  parts: AppParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  const app = new Koa();
  const requestMetrics = new RequestMetrics(parts.metrics);
  app.use(recordRequests({ ...parts, requestMetrics }));
  app.use(renderFailures(parts.logger));
  const sessionCookie = createSessionCookie(parts.clientInfo);
  const cors = createCors(parts.corsOrigins, isHubPath);
  const browsers = createBrowserRules({ ...parts, sessionCookie, isHubPath, cors });
  app.use(browsers.middleware);
  app.use(async (ctx, next) => {
    // Old clients look for this header in the response to `GET /v2/`.
    if (ctx.path.startsWith("/v2")) ctx.set(versionHeader, "registry/2.0");
    await next();
  });
  const router = createRouter(routesOf(parts), {
    ...parts,
    sessionCookie,
    repositoryResolver: createRepositoryResolver(parts),
    bodies: createBodyReader(parts.limits),
    budgets: createBudgets(parts.limits, Date.now, parts.processes),
  });
  const failures = renderFailures(parts.logger);
  const subrequest = createSubrequest(app, (ctx, next) => failures(ctx, () => router(ctx, next)));
  if (parts.web !== undefined)
    app.use(servePages({ ...parts.web, clientInfo: parts.clientInfo }, subrequest));
  app.use(router);
  app.on("error", (error) => parts.logger.debug({ err: error }, "a connection failed"));
  const handle = app.callback();
  const newRequestId = createRequestIds(parts.clientInfo);
  const { registry, requestAuthenticator, policy, pullCounters, pullEvents, logger } = parts;
  const koaPipeline = (request: IncomingMessage, response: ServerResponse): void => {
    response.setHeader(nosniff, "nosniff");
    response.setHeader(requestIdHeader, newRequestId(request));
    void handle(request, response);
  };
  const fastPath = withFastPath(koaPipeline, {
    isKnownHost: browsers.isKnownHost,
    clientInfo: parts.clientInfo,
    manifests: registry.manifests,
    blobs: registry.blobs,
    requestAuthenticator,
    policy,
    pullCounters,
    pullEvents,
    facts: parts.facts,
    mirrors: parts.mirrors,
    logger,
    requestMetrics,
    requestLog: parts.requestLog,
    tokenLabels: parts.tokenLabels,
    newRequestId,
  });
  const { tracing, clientInfo } = parts;
  const listener =
    tracing === undefined ? fastPath : withTracing(fastPath, koaPipeline, { tracing, clientInfo });
  return cors.wrap(listener);
}
