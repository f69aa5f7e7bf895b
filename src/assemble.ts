import type { IncomingMessage, ServerResponse } from "node:http";
import { createOpenPolicy } from "./auth/policy.ts";
import type { Config } from "./config/schema.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import type { Writer } from "./metadata/writer.ts";
import type { Logger } from "./observability/logger.ts";
import { createKeeper, type KeepingTimes } from "./registry/clock.ts";
import { createRecentBlobs } from "./registry/recent-blobs.ts";
import { createRegistry } from "./registry/registry.ts";
import { createUploadLocks, type UploadLocks } from "./registry/uploads/locks.ts";
import { startUpkeep } from "./registry/upkeep/serving.ts";
import { createUploads, type Uploads } from "./registry/uploads/uploads.ts";
import { databaseFile, forgetMemory, openStore } from "./stores.ts";
import type { BlobStore } from "../storage/blob-store.ts";

export interface Assembled {
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

/** The composition root: from a checked configuration to a registry that answers requests. */
export async function assemble(config: Config, logger: Logger, lent?: Lent): Promise<Assembled> {
  const clock = Date.now;
  const store = await openStore(config);
  // The wire's modules load while the database opens.
  const [metadata, { createApp }] = await Promise.all([
    openSqliteMetadata(databaseFile(config), lent?.writer),
    import("./http/app.ts"),
  ]);
  const keeping = keepingOf(config);
  const { sparse } = config;
  const registry = createRegistry({
    ...{ store, metadata, clock, sparse, keeping },
    locks: lent?.locks,
  });
  const { uploads } = registry;
  const upkeep = lent ? undefined : await beginUpkeep(config, logger, { store, metadata, uploads });

  let draining = false;
  return {
    handle: createApp({
      registry,
      policy: createOpenPolicy(),
      readiness: async () =>
        draining ? { server: "is shutting down" } : await problemsOf({ store, metadata }),
      logger,
      trustedProxies: config.trustedProxies,
      limits: config.limits,
    }),
    drain: () => {
      draining = true;
    },
    close: async () => {
      await registry.uploads.close();
      await upkeep?.close();
      await metadata.close();
      await store.close();
      await forgetMemory(config);
    },
  };
}

/** What a process has that answers nobody itself and lends to those that do; see `workers/`. */
export async function assembleLender(
  config: Config,
  logger: Logger,
): Promise<Lent & { close(): Promise<void> }> {
  const store = await openStore(config);
  const metadata = await openSqliteMetadata(databaseFile(config));
  const locks = createUploadLocks();
  const keeper = createKeeper(Date.now, keepingOf(config));
  const recentBlobs = createRecentBlobs();
  const uploads = createUploads({
    ...{ store, metadata, clock: Date.now, keeper, locks, recentBlobs },
  });
  const upkeep = await beginUpkeep(config, logger, { store, metadata, uploads });
  return {
    writer: metadata,
    locks,
    close: async () => {
      await upkeep.close();
      await metadata.close();
      await store.close();
    },
  };
}

interface Opened {
  readonly store: BlobStore;
  readonly metadata: Metadata;
  readonly uploads: Uploads;
}

/** Closes what is open if the start fails. */
async function beginUpkeep(config: Config, logger: Logger, opened: Opened) {
  const { gc, scrub, limits } = config;
  return startUpkeep({
    ...opened,
    clock: Date.now,
    report: logger,
    keeping: keepingOf(config),
    ...{ gc, scrub },
    uploadIdleMs: limits.uploadIdle,
  }).catch(async (error: unknown) => {
    await opened.metadata.close();
    await opened.store.close();
    throw error;
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
