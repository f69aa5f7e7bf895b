import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { createCatalog } from "../catalog/catalog.ts";
import type { Config } from "../config/schema.ts";
import { createApp, type AppParts } from "../http/app.ts";
import { createHubCatalog } from "../http/hub/hub.ts";
import { loadAssets } from "../http/web/assets.ts";
import { createResponseCache } from "../http/middleware/response-cache.ts";
import { TokenLabels } from "../http/middleware/token-labels.ts";
import { createHealthApp, createOperatorCheck } from "../http/ops/health.ts";
import { PullEventBuffer } from "../events/pulls.ts";
import type { Measures } from "../observability/process-metrics.ts";
import { RequestLog } from "../observability/request-log.ts";
import { openAdministration } from "./administration.ts";
import { openAuthentication } from "./authentication.ts";
import type { AppContext } from "./context.ts";
import { measuredPullCounters } from "./measured-parts.ts";
import { createMetrics } from "./metrics.ts";
import { createReadiness } from "./readiness.ts";

/** The built pages: beside the built program, or above the source. */
const webFolders = ["web", "../../dist/web"].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);

export interface HttpApp {
  /** Request listener for node:http. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** The same for the address of `metrics.listen`. */
  readonly handleHealth: (request: IncomingMessage, response: ServerResponse) => void;
  /** Makes `/readyz` report not ready, so that a load balancer sends no new requests. */
  readonly drain: () => void;
  /** Uses other limits from the next request on. */
  readonly setLimits: (limits: Config["limits"]) => void;
  /** Uses other mirrors of the configuration from the next request on. */
  readonly setMirrors: (mirrors: Config["mirrors"]) => Promise<void>;
}

/**
 * Makes the request listeners of a server from the parts of its context.
 * @param processes the metrics of all processes of the server
 */
export async function createHttpApp(
  context: AppContext,
  processes: () => Promise<readonly Measures[]>,
): Promise<HttpApp> {
  const { config, clock, logger, metrics } = context;
  const database = await context.database();
  const registry = await context.registry();
  const mirrors = await context.mirrors();
  const counting = await context.pullCounters();
  const { counts } = counting;
  const pullCounters = measuredPullCounters(counting.pullCounters, metrics);
  const authentication = await openAuthentication(context);
  const pullEvents = new PullEventBuffer({
    ...{ database, clock },
    report: (error) => logger.warn({ err: error }, "pulls could not be told to webhooks"),
  });
  context.onClose(() => pullEvents.close());
  const { accounts, policy } = authentication.hub;

  const { readiness, drain } = await createReadiness(context);
  const administration = await openAdministration(context, readiness);
  const health = {
    metrics: createMetrics({ context, administration, readiness, processes }),
    readiness,
  };
  const isElsewhere = config.metrics.listen !== undefined;
  const isOperator = createOperatorCheck(config.metrics.allow, authentication.parts.clientInfo);
  const parts: Omit<AppParts, "limits"> = {
    ...authentication.parts,
    registry,
    pullCounters,
    pullEvents,
    catalog: createCatalog({
      ...{ database, counts, registry, clock },
      deletesUntagged: config.gc.deleteUntagged,
    }),
    hub: {
      ...authentication.hub,
      administration,
      webhooks: (await context.webhooks()).webhooks,
      retention: await context.retention(),
      hub: createHubCatalog({ database, registry, accounts, policy, counts, clock }),
    },
    responseCache: createResponseCache(async () =>
      JSON.stringify([await database.version(), await counting.version()]),
    ),
    readOnly: await context.readOnly(),
    facts: database.facts,
    mirrors,
    health: { ...health, isOperator: isElsewhere ? () => false : isOperator },
    logger,
    requestLog: openRequestLog(context),
    tracing: await context.tracing(),
    tokenLabels: new TokenLabels((id) => database.accessTokens.labelOf(id)),
    metrics,
    isOpen: config.auth.open,
    publicUrl: config.publicUrl,
    corsOrigins: config.cors.origins,
    web: config.web.enabled
      ? {
          assets: loadAssets(webFolders),
          imageHosts: config.web.imageHosts,
          mayIndex: config.web.indexed,
        }
      : undefined,
    redirectExcept: config.storage.s3.redirectExcept,
    processes: config.workers,
  };
  let handle = createApp({ ...parts, limits: config.limits });
  return {
    handle: (request, response) => handle(request, response),
    setLimits(limits) {
      Object.assign(config.limits, limits);
      handle = createApp({ ...parts, limits });
    },
    setMirrors: (settings) => context.configureMirrors(settings),
    handleHealth: createHealthApp(health, logger),
    drain,
  };
}

function openRequestLog(context: AppContext): RequestLog {
  const { config, logger } = context;
  const output = config.workers > 1 ? "shared" : "alone";
  const requestLog = new RequestLog(logger, { isOn: config.log.requests, output });
  context.onClose(() => requestLog.close());
  return requestLog;
}
