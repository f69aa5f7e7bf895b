import type { IncomingMessage, ServerResponse } from "node:http";
import { createOpenPolicy } from "./auth/policy.ts";
import type { Config } from "./config/schema.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import type { Logger } from "./observability/logger.ts";
import { createRegistry } from "./registry/registry.ts";
import { startUpkeep } from "./registry/upkeep/serving.ts";
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

/** The composition root: from a checked configuration to a registry that answers requests. */
export async function assemble(config: Config, logger: Logger): Promise<Assembled> {
  const clock = Date.now;
  const store = await openStore(config);
  // The wire's modules load while the database opens.
  const [metadata, { createApp }] = await Promise.all([
    openSqliteMetadata(databaseFile(config)),
    import("./http/app.ts"),
  ]);
  const keeping = { leaseMs: config.gc.lease, graceMs: config.gc.grace };
  const registry = createRegistry({ store, metadata, clock, sparse: config.sparse, keeping });
  const upkeep = await startUpkeep({
    store,
    metadata,
    clock,
    uploads: registry.uploads,
    report: logger,
    keeping,
    gc: config.gc,
    scrub: config.scrub,
    uploadIdleMs: config.limits.uploadIdle,
  }).catch(async (error: unknown) => {
    await metadata.close();
    await store.close();
    throw error;
  });

  let draining = false;
  return {
    handle: createApp({
      registry,
      policy: createOpenPolicy(),
      readiness: async () =>
        draining ? { server: "is shutting down" } : await problemsOf({ store, metadata }),
      logger,
      trustedProxies: config.trustedProxies,
      redirectExcept: config.storage.s3.redirectExcept,
      limits: config.limits,
    }),
    drain: () => {
      draining = true;
    },
    close: async () => {
      await upkeep.close();
      await metadata.close();
      await store.close();
      await forgetMemory(config);
    },
  };
}

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
