import { mkdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { createOpenPolicy } from "./auth/policy.ts";
import type { Config } from "./config/schema.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import type { Logger } from "./observability/logger.ts";
import { createRegistry, type Registry } from "./registry/registry.ts";
import { expireUploads, sweepUploads } from "./registry/uploads/tidy.ts";
import type { BlobStore } from "../storage/blob-store.ts";
import { openFilesystemStore } from "../storage/filesystem/store.ts";
import { createMemoryStore } from "../storage/memory/store.ts";

export interface Assembled {
  /** Request listener for node:http. */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** From now on: not ready, so that nobody sends new work. */
  readonly drain: () => void;
  /** Closes the store and the database. Requests that still run fail. */
  readonly close: () => Promise<void>;
}

const hourMs = 3_600_000;

/** The composition root: from a checked configuration to a registry that answers requests. */
export async function assemble(config: Config, logger: Logger): Promise<Assembled> {
  await makeFolder(config.data);
  const clock = Date.now;
  const store = await openStore(config);
  // The wire's modules load while the database opens.
  const [metadata, { createApp }] = await Promise.all([
    openSqliteMetadata(path.join(config.data, "berth.db")),
    import("./http/app.ts"),
  ]);
  const registry = createRegistry({ store, metadata, clock, sparse: config.sparse });

  const tidyUploads = (): Promise<void> =>
    tidy({ metadata, uploads: registry.uploads }, clock() - config.limits.uploadIdle, logger);
  await tidyUploads();
  await sweepUploads({ store, metadata });
  const timer = setInterval(() => void tidyUploads(), hourMs).unref();

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
      clearInterval(timer);
      await metadata.close();
      await store.close();
    },
  };
}

/** Not all in one go: where a file system makes no folders (`/proc`), Node's recursive mkdir never comes back. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

function openStore(config: Config): Promise<BlobStore> | BlobStore {
  switch (config.storage.driver) {
    case "filesystem":
      return openFilesystemStore(config.data);
    case "memory":
      return createMemoryStore();
  }
}

async function tidy(
  parts: { readonly metadata: Metadata; readonly uploads: Registry["uploads"] },
  beforeMs: number,
  logger: Logger,
): Promise<void> {
  try {
    const expired = await expireUploads(parts, beforeMs);
    if (expired > 0) logger.info({ expired }, "uploads that nobody went on with have expired");
  } catch (error) {
    logger.error({ err: error }, "uploads could not be expired");
  }
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
