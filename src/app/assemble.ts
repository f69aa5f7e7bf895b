import type { IncomingMessage, ServerResponse } from "node:http";
import type { Administrator } from "./access.ts";
import { openAll, type Closing } from "../concurrency/closing.ts";
import type { Config } from "../config/schema.ts";
import { lockDataFolder } from "./data-folder.ts";
import { createCatalog } from "../catalog/catalog.ts";
import { openSqliteDatabase, type Database } from "../database/database.ts";
import { keepReserveFile } from "../database/sqlite/reserve-file.ts";
import type { Writer } from "../database/writer.ts";
import type { Logger } from "../observability/logger.ts";
import { openPullCounters } from "./pull-counters.ts";
import { measureMirrors, openMirrorsOf } from "./mirrors.ts";
import { createMetrics } from "../observability/metrics.ts";
import { pushRules, uploadLimits } from "./push-rules.ts";
import { createBlobs } from "../registry/blobs.ts";
import { createLeasePolicy, type LeaseTimes } from "../registry/leases.ts";
import { createRecentBlobs } from "../registry/uploads/small-blobs.ts";
import { createRegistry } from "../registry/registry.ts";
import { createUploadLocks, type UploadLocks } from "../registry/uploads/locks.ts";
import { startMaintenance } from "../maintenance/scheduler.ts";
import { createUploads, type Uploads } from "../registry/uploads/uploads.ts";
import { databaseFile, forgetMemory, openStore } from "./stores.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createFreeSpace } from "../../storage/filesystem/free-space.ts";

export interface ServerApp {
  /** An administrator account, for the startup banner; `undefined` in open mode. */
  readonly administrator: Administrator | undefined;
  /** Request listener for node:http. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** The same for the address of `metrics.listen`. */
  readonly handleHealth: (request: IncomingMessage, response: ServerResponse) => void;
  /** Makes `/readyz` report not ready, so that a load balancer sends no new requests. */
  readonly drain: () => void;
  /** Closes the store and the database. Running requests fail. */
  readonly close: () => Promise<void>;
}

/** The services that a data folder may have only once. Their process also runs maintenance. */
export interface SharedServices {
  readonly writer: Writer;
  readonly locks: UploadLocks;
}

/** The shared services of a process that serves no requests. */
export interface SharedServicesOwner extends SharedServices, Pick<ServerApp, "administrator"> {
  close(): Promise<void>;
}

/**
 * The composition root of the server: from a checked configuration to a registry that answers requests.
 * @param sharedServices those of the primary process, for a worker; `undefined`: this process opens its own
 * @throws OwnerError, FolderInUseError, MismatchError, and errors of the store or the database
 */
export function openServerApp(
  config: Config,
  logger: Logger,
  sharedServices?: SharedServices,
): Promise<ServerApp> {
  return openAll((closing) => openServerParts(config, logger, sharedServices, closing));
}

async function openServerParts(
  config: Config,
  logger: Logger,
  sharedServices: SharedServices | undefined,
  closing: Closing,
): Promise<ServerApp> {
  const clock = Date.now;
  if (sharedServices === undefined) closing.add((await lockDataFolder(config)).release);
  const store = await openStore(config);
  closing.add(() => forgetMemory(config));
  closing.add(() => store.close());
  // The HTTP modules load while the database opens.
  const [
    database,
    { createApp },
    { createResponseCache },
    { openAuthContext },
    { createHubCatalog },
    healthModule,
  ] = await Promise.all([
    openSqliteDatabase(databaseFile(config), sharedServices?.writer),
    import("../http/app.ts"),
    import("../http/middleware/response-cache.ts"),
    import("./access.ts"),
    import("../http/hub/hub.ts"),
    import("../http/ops/health.ts"),
  ]);
  const { createOperatorCheck, createHealthApp, probeAtMostEvery } = healthModule;
  closing.add(() => database.close());
  const leaseTimes = leaseTimesOf(config);
  const space = createFreeSpace(config.data, config.storage.reserve);
  const { sparse } = config;
  const registry = createRegistry({
    ...{ store, database, clock, sparse, rules: pushRules(config), leaseTimes, report: logger },
    limits: uploadLimits(config),
    moreTypes: config.manifests.mediaTypes,
    locks: sharedServices?.locks,
    demandSpace: (bytes) => space.demand(bytes),
  });
  const { uploads } = registry;
  const pullCounting = await openPullCounters(config, { database, clock, logger });
  closing.add(() => pullCounting.close());
  if (sharedServices === undefined) {
    const maintenance = await beginMaintenance(config, logger, { store, database, uploads });
    closing.add(() => maintenance.close());
    closing.add(keepReserve(config, logger));
  }
  const parts = { store, database, registry, clock, leaseTimes, logger };
  const mirrors = await openMirrorsOf(config, parts, {
    runsSchedules: sharedServices === undefined,
  });
  closing.add(() => mirrors?.close());
  closing.add(() => uploads.close());
  const access = await openAuthContext(config, { database, clock, logger, mirrors });

  let draining = false;
  const probe = probeAtMostEvery(probeEveryMs, () => problemsOf({ store, database }), logger);
  const health = {
    metrics: createMetrics(() => measureMirrors(mirrors, database)),
    readiness: async () => (draining ? { server: "is shutting down" } : await probe()),
  };
  const isElsewhere = config.metrics.listen !== undefined;
  const isOperator = createOperatorCheck(config.metrics.allow, access.parts.clientInfo);
  return {
    administrator: access.administrator,
    handleHealth: createHealthApp(health, logger),
    handle: createApp({
      registry,
      pullCounters: pullCounting.pullCounters,
      catalog: createCatalog({ database, counts: pullCounting.counts, registry }),
      ...access.parts,
      hub: {
        ...access.hub,
        hub: createHubCatalog({
          database,
          registry,
          ...access.hub,
          counts: pullCounting.counts,
          clock,
        }),
      },
      responseCache: createResponseCache(() =>
        JSON.stringify([database.version(), pullCounting.version()]),
      ),
      mirrors,
      health: { ...health, isOperator: isElsewhere ? () => false : isOperator },
      logger,
      isOpen: config.auth.open,
      publicUrl: config.publicUrl,
      redirectExcept: config.storage.s3.redirectExcept,
      limits: config.limits,
      processes: config.workers,
    }),
    drain: () => {
      draining = true;
    },
    close: () => closing.run(),
  };
}

/** Opens the shared services of a primary process (see `server/cluster/`). Throws like {@link openServerApp}. */
export function openSharedServices(config: Config, logger: Logger): Promise<SharedServicesOwner> {
  return openAll(async (closing) => {
    const clock = Date.now;
    closing.add((await lockDataFolder(config)).release);
    const store = await openStore(config);
    closing.add(() => store.close());
    const database = await openSqliteDatabase(databaseFile(config));
    closing.add(() => database.close());
    const locks = createUploadLocks();
    const leaseTimes = leaseTimesOf(config);
    const leasePolicy = createLeasePolicy(clock, leaseTimes);
    const rules = pushRules(config);
    const recentBlobs = createRecentBlobs();
    const uploads = createUploads({
      store,
      database,
      clock,
      leasePolicy,
      locks,
      recentBlobs,
      rules,
    });
    const maintenance = await beginMaintenance(config, logger, { store, database, uploads });
    closing.add(() => maintenance.close());
    closing.add(keepReserve(config, logger));
    const registry = {
      blobs: createBlobs({ store, database, leasePolicy, rules, report: logger }),
    };
    const parts = { store, database, registry, clock, leaseTimes, logger };
    // Schedules run only in the primary; each worker has its own mirrors.
    const mirrors = await openMirrorsOf(config, parts, { runsSchedules: true });
    closing.add(() => mirrors?.close());
    // Only the primary creates the first administrator.
    const { openAuthContext } = await import("./access.ts");
    const access = await openAuthContext(config, { database, clock, logger, mirrors: undefined });
    return {
      administrator: access.administrator,
      writer: database,
      locks,
      close: () => closing.run(),
    };
  });
}

/** The result of a readiness probe is cached for this time, which is shorter than the interval of a prober. */
const probeEveryMs = 2_000;

interface Opened {
  readonly store: BlobStore;
  readonly database: Database;
  readonly uploads: Uploads;
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
      logger.debug({ err: error }, "no reserve file could be made");
    });
  const first = setTimeout(keep, firstReserveMs).unref();
  const others = setInterval(keep, reserveEveryMs).unref();
  return () => {
    clearTimeout(first);
    clearInterval(others);
  };
}

function beginMaintenance(config: Config, logger: Logger, opened: Opened) {
  const { gc, scrub, limits } = config;
  return startMaintenance({
    ...opened,
    clock: Date.now,
    report: logger,
    leaseTimes: leaseTimesOf(config),
    ...{ gc, scrub },
    uploadIdleMs: limits.uploadExpiry,
  });
}

const leaseTimesOf = ({ gc }: Config): LeaseTimes => ({
  ...{ leaseMs: gc.lease, graceMs: gc.grace, deleteDelayMs: gc.deleteDelay },
});

async function problemsOf(parts: {
  readonly store: BlobStore;
  readonly database: Database;
}): Promise<Readonly<Record<string, string>>> {
  const problems: Record<string, string> = {};
  const look = async (part: string, probe: () => Promise<void>): Promise<void> => {
    try {
      await probe();
    } catch (error) {
      problems[part] = error instanceof Error ? error.message : String(error);
    }
  };
  await Promise.all([
    look("storage", () => parts.store.probe()),
    look("database", () => parts.database.probe()),
  ]);
  return problems;
}
