import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { createRepositoryAccess } from "../accounts/repository-access.ts";
import { createBrowserSessions } from "../auth/browser-sessions.ts";
import {
  createHubPolicy,
  createOpenHubPolicy,
  denyHubChangesToMirrored,
} from "../auth/hub-policy.ts";
import { createOpenPolicy, createPolicy } from "../auth/policy.ts";
import { createSessions } from "../auth/sessions.ts";
import { createBearer } from "../auth/tokens/bearer.ts";
import { createGrantIssuer } from "../auth/tokens/grants.ts";
import { createCatalog } from "../catalog/catalog.ts";
import type { Config } from "../config/schema.ts";
import { createApp, type AppParts } from "../http/app.ts";
import { createHubCatalog } from "../http/hub/hub.ts";
import type { HubParts } from "../http/hub/routes.ts";
import {
  createOpenRequestAuthenticator,
  createRequestAuthenticator,
} from "../http/middleware/authenticate.ts";
import { createClientInfo } from "../http/middleware/client-info.ts";
import { loadAssets } from "../http/web/assets.ts";
import { createResponseCache } from "../http/middleware/response-cache.ts";
import { TokenLabels } from "../http/middleware/token-labels.ts";
import { createHealthApp, createOperatorCheck } from "../http/ops/health.ts";
import { createWwwAuthenticate } from "../http/token/www-authenticate.ts";
import type { LiveMirrors } from "../mirror/live-mirrors.ts";
import { PullEventBuffer } from "../events/pulls.ts";
import type { Measures } from "../observability/process-metrics.ts";
import { RequestLog } from "../observability/request-log.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";
import { openAdministration } from "./administration.ts";
import type { AppContext } from "./context.ts";
import { measuredAuthenticator, measuredBearer, measuredPullCounters } from "./measured-parts.ts";
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

/** What requests are authenticated and authorized with. */
function openRequestLog(context: AppContext): RequestLog {
  const { config, logger } = context;
  const output = config.workers > 1 ? "shared" : "alone";
  const requestLog = new RequestLog(logger, { isOn: config.log.requests, output });
  context.onClose(() => requestLog.close());
  return requestLog;
}

interface Authentication {
  readonly parts: Pick<
    AppParts,
    "requestAuthenticator" | "policy" | "wwwAuthenticate" | "tokens" | "clientInfo"
  >;
  /** The same for the Hub-shaped API. */
  readonly hub: Omit<HubParts, "hub" | "administration" | "webhooks" | "retention">;
}

async function openAuthentication(context: AppContext): Promise<Authentication> {
  const { config } = context;
  const { defaultVisibility, createOnPush } = config.repositories;
  const clientInfo = createClientInfo(
    config.trustedProxies,
    config.publicUrl,
    config.listen.path !== undefined,
  );
  const wwwAuthenticate = createWwwAuthenticate({ clientInfo, service: serviceOf(config) });
  const accounts = await context.accounts();
  const facts = (await context.database()).facts.repositories;
  const { mirrored } = context;
  const hasMirrors = (): boolean => mirrored.size > 0;
  const sessionFacts = { isOpen: config.auth.open, hasMirrors, createOnPush };
  const quotas = await context.quotas();
  const access = createRepositoryAccess({ database: await context.database() });
  const collaborators = await context.collaborators();
  const settings = {
    ...{ defaultVisibility, sessionFacts, quotas, access, collaborators, mirrored },
  };
  if (!config.auth.open) {
    const { parts, hubPolicy, ...logins } = await openTokens(context, clientInfo);
    const policy = denyHubChangesToMirrored(hubPolicy, mirrored);
    return {
      parts: { ...parts, clientInfo, wwwAuthenticate },
      hub: { accounts, policy, ...logins, ...settings },
    };
  }
  return {
    parts: {
      clientInfo,
      wwwAuthenticate,
      requestAuthenticator: createOpenRequestAuthenticator(),
      policy: createOpenPolicy(facts),
      tokens: undefined,
    },
    hub: {
      accounts,
      policy: denyHubChangesToMirrored(createOpenHubPolicy(), mirrored),
      sessions: undefined,
      browserSessions: undefined,
      ...settings,
    },
  };
}

/** The authentication of a registry with accounts: tokens, sessions, and policies that read the database. */
async function openTokens(context: AppContext, clientInfo: AppParts["clientInfo"]) {
  const { config, clock, metrics } = context;
  const service = serviceOf(config);
  const database = await context.database();
  const { authenticator: unmeasured, permissionReader } = await context.accounts();
  const authenticator = measuredAuthenticator(unmeasured, metrics);
  const keys = await context.keys();
  const behind = mirrorRepositoryOf(await context.mirrors());
  const { removals } = database;
  const bearer = measuredBearer(createBearer({ keys, issuer: service, service, clock }), metrics);
  const grantIssuer = createGrantIssuer({ permissionReader, removals, behind });
  return {
    hubPolicy: createHubPolicy({ database }),
    sessions: createSessions({ keys, issuer: service, authenticator, database, clock }),
    browserSessions: createBrowserSessions({
      ...{ database, clock },
      times: { idleMs: config.web.sessionIdle, lifetimeMs: config.web.sessionLifetime },
    }),
    parts: {
      requestAuthenticator: createRequestAuthenticator({
        bearer,
        authenticator,
        permissionReader,
        removals,
        clientInfo,
      }),
      policy: createPolicy({
        facts: database.facts.repositories,
        permissionReader,
      }),
      tokens: { authenticator, grantIssuer, bearer, clientInfo, service, keys },
    },
  };
}

/** The token service in each challenge, and issuer and audience in each token. */
const serviceOf = ({ publicUrl }: Config): string =>
  publicUrl === undefined ? "berth" : new URL(publicUrl).host;

/** Finds the repository of a mirror that answers for a requested name. */
function mirrorRepositoryOf(mirrors: Pick<LiveMirrors, "current">) {
  return async (
    repository: RepositoryName,
    requested: string,
  ): Promise<RepositoryName | undefined> => {
    try {
      const found = await mirrors.current?.byName(repository, requested);
      return found?.mirrorRepository.repository;
    } catch (error) {
      if (error instanceof OciError) return undefined;
      throw error;
    }
  };
}
