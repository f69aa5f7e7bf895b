import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "./config/schema.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import type { Logger } from "./observability/logger.ts";
import type { Mirror } from "./mirror/mirror.ts";
import { openMirroring } from "./mirroring.ts";
import { createMetrics } from "./observability/metrics.ts";
import { pushRules } from "./push-rules.ts";
import { createRegistry } from "./registry/registry.ts";
import { startUpkeep } from "./registry/upkeep/serving.ts";
import { databaseFile, forgetMemory, openStore } from "./stores.ts";
import type { BlobStore } from "../storage/blob-store.ts";

export interface Assembled {
  /** An account that may do everything, to be named to whoever starts; `undefined` in open mode. */
  readonly administrator:
    | { readonly name: string; readonly password?: string | undefined }
    | undefined;
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
  const [metadata, { createApp }, { openAccess }] = await Promise.all([
    openSqliteMetadata(databaseFile(config)),
    import("./http/app.ts"),
    import("./access.ts"),
  ]);
  const keeping = { leaseMs: config.gc.lease, graceMs: config.gc.grace };
  const { sparse } = config;
  const rules = pushRules(config);
  const registry = createRegistry({ store, metadata, clock, sparse, rules, keeping });
  const closeStores = async (): Promise<void> => {
    await metadata.close();
    await store.close();
  };
  const open = async () => {
    const parts = { store, metadata, registry, clock, keeping, logger };
    const mirrors = await openMirroring(config, parts);
    const access = await openAccess(config, { metadata, clock, logger, mirrors });
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
    });
    return { access, upkeep, mirrors };
  };
  const { access, upkeep, mirrors } = await open().catch(async (error: unknown) => {
    await closeStores();
    throw error;
  });

  let draining = false;
  return {
    administrator: access.administrator,
    handle: createApp({
      registry,
      ...access.parts,
      mirrors,
      metrics: {
        text: createMetrics(() => mirrors?.list.map(measured) ?? []),
        allow: config.metrics.allow,
      },
      readiness: async () =>
        draining ? { server: "is shutting down" } : await problemsOf({ store, metadata }),
      logger,
      limits: config.limits,
    }),
    drain: () => {
      draining = true;
    },
    close: async () => {
      await registry.uploads.close();
      await mirrors?.close();
      await upkeep.close();
      await closeStores();
      await forgetMemory(config);
    },
  };
}

const measured = ({ settings, counters, upstream }: Mirror) => ({
  namespace: settings.namespace,
  counters: counters.values(),
  remaining: upstream.allowance.remaining(),
});

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
