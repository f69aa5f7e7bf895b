import type { IncomingMessage, ServerResponse } from "node:http";
import type { Administrator } from "./access.ts";
import type { Config } from "./config/schema.ts";
import { createBrowsing } from "./hub/browsing.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import type { Writer } from "./metadata/writer.ts";
import type { Logger } from "./observability/logger.ts";
import { openCounting } from "./counting.ts";
import { measureMirrors, openMirroring } from "./mirroring.ts";
import { createMetrics } from "./observability/metrics.ts";
import { pushRules } from "./push-rules.ts";
import { createBlobs } from "./registry/blobs.ts";
import { createKeeper, type KeepingTimes } from "./registry/clock.ts";
import { createRecentBlobs } from "./registry/recent-blobs.ts";
import { createRegistry } from "./registry/registry.ts";
import { createUploadLocks, type UploadLocks } from "./registry/uploads/locks.ts";
import { startUpkeep } from "./registry/upkeep/serving.ts";
import { createUploads, type Uploads } from "./registry/uploads/uploads.ts";
import { databaseFile, forgetMemory, openStore } from "./stores.ts";
import type { BlobStore } from "../storage/blob-store.ts";

export interface Assembled {
  /** An account that may do everything, to be named to whoever starts; `undefined` in open mode. */
  readonly administrator: Administrator | undefined;
  /** Request listener for node:http. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** From now on: not ready, so that nobody sends new work. */
  readonly drain: () => void;
  /** Closes the store and the database. Requests that still run fail. */
  readonly close: () => Promise<void>;
}

/** What there may only be one of on a data folder, from the process that has it and that sees to the upkeep. */
export interface Lent {
  readonly writer: Writer;
  readonly locks: UploadLocks;
}

/** A process that answers nobody itself. */
export interface Lender extends Lent, Pick<Assembled, "administrator"> {
  close(): Promise<void>;
}

/** The composition root: from a checked configuration to a registry that answers requests. */
export async function assemble(config: Config, logger: Logger, lent?: Lent): Promise<Assembled> {
  const clock = Date.now;
  const store = await openStore(config);
  // The wire's modules load while the database opens.
  const [metadata, { createApp }, { createKeptAnswers }, { openAccess }, { createHub }] =
    await Promise.all([
      openSqliteMetadata(databaseFile(config), lent?.writer),
      import("./http/app.ts"),
      import("./http/kept-answers.ts"),
      import("./access.ts"),
      import("./hub/hub.ts"),
    ]);
  const keeping = keepingOf(config);
  const { sparse } = config;
  const registry = createRegistry({
    ...{ store, metadata, clock, sparse, rules: pushRules(config), keeping },
    locks: lent?.locks,
  });
  const { uploads } = registry;
  const counting = await openCounting(config, { metadata, clock, logger });
  const closeStores = async (): Promise<void> => {
    await counting.close();
    await metadata.close();
    await store.close();
  };
  const { access, upkeep, mirrors } = await closingIfItFails(closeStores, async () => {
    const parts = { store, metadata, registry, clock, keeping, logger };
    const mirrors = await openMirroring(config, parts, { runsSchedules: lent === undefined });
    return {
      mirrors,
      access: await openAccess(config, { metadata, clock, logger, mirrors }),
      upkeep: lent ? undefined : await beginUpkeep(config, logger, { store, metadata, uploads }),
    };
  });

  let draining = false;
  return {
    administrator: access.administrator,
    handle: createApp({
      registry,
      tally: counting.tally,
      browsing: createBrowsing({ metadata, counts: counting.counts, registry }),
      ...access.parts,
      hub: {
        ...access.hub,
        hub: createHub({ metadata, registry, ...access.hub, counts: counting.counts, clock }),
      },
      kept: createKeptAnswers(() => JSON.stringify([metadata.version(), counting.version()])),
      mirrors,
      metrics: {
        text: createMetrics(() => measureMirrors(mirrors, metadata)),
        allow: config.metrics.allow,
      },
      readiness: async () =>
        draining ? { server: "is shutting down" } : await problemsOf({ store, metadata }),
      logger,
      redirectExcept: config.storage.s3.redirectExcept,
      limits: config.limits,
    }),
    drain: () => {
      draining = true;
    },
    close: async () => {
      await registry.uploads.close();
      await mirrors?.close();
      await upkeep?.close();
      await closeStores();
      await forgetMemory(config);
    },
  };
}

/** What a process has that answers nobody itself and lends to those that do; see `workers/`. */
export async function assembleLender(config: Config, logger: Logger): Promise<Lender> {
  const clock = Date.now;
  const store = await openStore(config);
  const metadata = await openSqliteMetadata(databaseFile(config));
  const locks = createUploadLocks();
  const keeper = createKeeper(clock, keepingOf(config));
  const recentBlobs = createRecentBlobs();
  const uploads = createUploads({
    ...{ store, metadata, clock, keeper, locks, recentBlobs, rules: pushRules(config) },
  });
  const { openAccess } = await import("./access.ts");
  const closeStores = async (): Promise<void> => {
    await metadata.close();
    await store.close();
  };
  const { access, upkeep, mirrors } = await closingIfItFails(closeStores, async () => {
    const registry = { blobs: createBlobs({ store, metadata, keeper, rules: pushRules(config) }) };
    const keeping = keepingOf(config);
    const parts = { store, metadata, registry, clock, keeping, logger };
    return {
      // Schedules run here, once; who answers has mirrors of its own.
      mirrors: await openMirroring(config, parts, { runsSchedules: true }),
      // The first start is made here, once.
      access: await openAccess(config, { metadata, clock, logger, mirrors: undefined }),
      upkeep: await beginUpkeep(config, logger, { store, metadata, uploads }),
    };
  });
  return {
    administrator: access.administrator,
    writer: metadata,
    locks,
    close: async () => {
      await mirrors?.close();
      await upkeep.close();
      await closeStores();
    },
  };
}

interface Opened {
  readonly store: BlobStore;
  readonly metadata: Metadata;
  readonly uploads: Uploads;
}

async function closingIfItFails<T>(
  close: () => Promise<void>,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    await close();
    throw error;
  }
}

function beginUpkeep(config: Config, logger: Logger, opened: Opened) {
  const { gc, scrub, limits } = config;
  return startUpkeep({
    ...opened,
    clock: Date.now,
    report: logger,
    keeping: keepingOf(config),
    ...{ gc, scrub },
    uploadIdleMs: limits.uploadIdle,
  });
}

const keepingOf = ({ gc }: Config): KeepingTimes => ({ leaseMs: gc.lease, graceMs: gc.grace });

async function problemsOf(parts: {
  readonly store: BlobStore;
  readonly metadata: Metadata;
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
    look("database", () => parts.metadata.probe()),
  ]);
  return problems;
}
