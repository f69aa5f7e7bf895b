import type { Config } from "../config/schema.ts";
import { keepReserveFile } from "../database/sqlite/reserve-file.ts";
import { startLeaderMaintenance, startMaintenance } from "../maintenance/scheduler.ts";
import type { Retention } from "../maintenance/retention/retention.ts";
import type { Logger } from "../observability/logger.ts";
import type { Measures, ProcessMetrics } from "../observability/process-metrics.ts";
import { startAuditForwarding } from "./audit-forwarding.ts";
import type { SharedServices } from "./app-process.ts";
import { AppContext } from "./context.ts";
import { databaseFile, lockDataFolder } from "./data-folder.ts";
import type { HttpApp } from "./http-app.ts";
import { joinAsReplica, leadershipOf } from "./replica.ts";
import { startDispatcher } from "./webhooks.ts";

/** An administrator account, for the startup banner. */
export interface Administrator {
  readonly name: string;
  /** `false` after a first start, until `berth user password` sets one. */
  readonly hasPassword: boolean;
}

/** A registry that answers requests. */
export interface ServerApp extends HttpApp {
  /** An administrator account, for the startup banner; `undefined` in open mode. */
  readonly administrator: Administrator | undefined;
  /** The metrics of this process. */
  readonly metrics: ProcessMetrics;
  /** Closes the store and the database. Running requests fail. */
  readonly close: () => Promise<void>;
}

/** The shared services of a process that serves no requests. */
export interface SharedServicesOwner extends SharedServices {
  readonly metrics: ProcessMetrics;
  readonly setMirrors: ServerApp["setMirrors"];
  readonly close: () => Promise<void>;
}

/**
 * Opens the registry in the data folder for a server.
 * @param sharedServices those of the primary process, for a worker; `undefined`: this process opens its own
 * @param processes the metrics of all processes of the server, for a worker; `undefined`: there is only this process
 * @throws OwnerError, FolderInUseError, MismatchError, and errors of the store or the database
 */
export function openServerApp(
  config: Config,
  logger: Logger,
  sharedServices?: SharedServices,
  processes?: () => Promise<readonly Measures[]>,
): Promise<ServerApp> {
  const isWorker = sharedServices !== undefined;
  const context = new AppContext(
    config,
    isWorker ? { kind: "worker", logger, sharedServices } : { kind: "server", logger },
  );
  return closedOnFailure(context, async () => {
    if (!isWorker) context.onClose((await lockDataFolder(config)).release);
    await context.store();
    // The HTTP modules load while the database opens.
    const [{ createHttpApp }, database] = await Promise.all([
      import("./http-app.ts"),
      context.database(),
    ]);
    const { uploads } = await context.registry();
    await context.pullCounters();
    const { coordination } = database;
    if (coordination !== undefined)
      await joinAsReplica(context, coordination, () => prepareAccounts(context));
    if (!isWorker) await startBackgroundWork(context);
    await context.mirrors();
    // Before maintenance records a clean stop.
    context.onClose(() => uploads.close());
    if (coordination === undefined) await prepareAccounts(context);
    const administrator = await findAdministrator(context);
    const { metrics } = context;
    const ofAll = processes ?? (async () => [await metrics.collect()]);
    const app = await createHttpApp(context, ofAll);
    return { administrator, metrics, ...app, close: () => context.close() };
  });
}

/** Opens the shared services of a primary process (see `server/cluster/`). Throws like {@link openServerApp}. */
export function openSharedServices(config: Config, logger: Logger): Promise<SharedServicesOwner> {
  const context = new AppContext(config, { kind: "server", logger });
  return closedOnFailure(context, async () => {
    context.onClose((await lockDataFolder(config)).release);
    await context.store();
    const { writer } = await context.database();
    await startBackgroundWork(context);
    // Schedules run only in the primary; each worker has its own mirrors.
    await context.mirrors();
    // Only the primary creates the first administrator and the first key.
    await prepareAccounts(context);
    const { locks, metrics } = context;
    return {
      ...{ writer, locks, metrics },
      setMirrors: (mirrors) => context.configureMirrors(mirrors),
      close: () => context.close(),
    };
  });
}

/** The first start creates an administrator and a key. In open mode there are no accounts. */
async function prepareAccounts(context: AppContext): Promise<void> {
  const { open, adminPassword } = context.config.auth;
  if (open) return;
  await (await context.accounts()).bootstrap(adminPassword);
  await context.keys();
}

/** An administrator that is not disabled. `undefined` in open mode, or if there is none any more. */
async function findAdministrator(context: AppContext): Promise<Administrator | undefined> {
  if (context.config.auth.open) return undefined;
  const { accounts } = await context.database();
  const { items } = await accounts.list({ kind: "user", limit: 100 });
  const found = items.find(({ isAdmin, disabled }) => isAdmin && !disabled);
  if (found === undefined) return undefined;
  const login = await accounts.login(found.name);
  return { name: found.name, hasPassword: login?.passwordHash != null };
}

async function closedOnFailure<T>(context: AppContext, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await context.close().catch(() => undefined);
    throw error;
  }
}

/** Starts maintenance and keeps the reserve file: the server of a data folder, or the replica that leads. */
async function startBackgroundWork(context: AppContext): Promise<void> {
  const { config, clock, logger, leaseTimes } = context;
  const { uploads } = await context.registry();
  const database = await context.database();
  const parts = {
    store: await context.store(),
    database,
    uploads,
    jobs: await context.jobs(),
    clock,
    leaseTimes,
    report: logger,
    gc: config.gc,
    scrub: config.scrub,
    retention: { interval: config.retention.interval, run: await retentionRun(context) },
    audit: { keepMs: config.audit.keep, isForwarded: config.audit.forward !== undefined },
    uploadIdleMs: config.limits.uploadExpiry,
    // A session that is older than its lifetime ends too, and was used less than that time ago.
    sessionIdleMs: Math.min(config.web.sessionIdle, config.web.sessionLifetime),
  };
  await startDispatcher(context);
  await startAuditForwarding(context);
  if (database.coordination !== undefined) {
    const leadership = await leadershipOf(context);
    const leading = leadership.runAsLeader("maintenance", () => startLeaderMaintenance(parts));
    context.onClose(() => leading.stop());
    return;
  }
  const maintenance = await startMaintenance(parts);
  context.onClose(() => maintenance.close());
  context.onClose(keepReserve(config, logger));
}

/** The scheduled run of retention, which deletes nothing in read-only mode. */
async function retentionRun(context: AppContext): Promise<Retention["run"]> {
  const [{ run }, readOnly] = [await context.retention(), await context.readOnly()];
  return async function* (...given) {
    if ((await readOnly.current()) === undefined) yield* run(...given);
  };
}

/** The first reserve file is created after this time; a deleted one is created again when there is free space. */
const firstReserveMs = 5_000;
const reserveEveryMs = 60_000;

/** Keeps a reserve file beside the database, for a full disk. The result stops it. */
function keepReserve(config: Config, logger: Logger): () => void {
  const { reserve, driver } = config.storage;
  if (driver === "memory" || (reserve?.kind === "bytes" && reserve.bytes === 0))
    return () => undefined;
  const file = databaseFile(config);
  const keep = (): void =>
    void keepReserveFile(file).catch((error: unknown) => {
      logger.debug({ err: error }, "the reserve file cannot be created");
    });
  const first = setTimeout(keep, firstReserveMs).unref();
  const others = setInterval(keep, reserveEveryMs).unref();
  return () => {
    clearTimeout(first);
    clearInterval(others);
  };
}
