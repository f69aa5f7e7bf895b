import type { Config } from "../config/schema.ts";
import {
  createPullCounts,
  PullCounterBuffer,
  type PullCounters,
  type PullCounts,
} from "../catalog/pull-counters.ts";
import {
  openSqlitePullCounters,
  type PullCounterStore,
} from "../database/catalog/pull-counters.ts";
import type { Database } from "../database/database.ts";
import type { Logger } from "../observability/logger.ts";
import { pullCounterFile, databaseFile } from "./stores.ts";

/** Time between two writes. A crash loses the pulls and pushes since the last one. */
const everyMs = 2_000;

export interface OpenPullCounters {
  readonly pullCounters: PullCounters;
  readonly counts: PullCounts;
  /** Changes with each write to the file. */
  version(): unknown;
  /** Writes the counters that are still in memory. */
  close(): Promise<void>;
}

/** Opens the file of the pull counters. If that fails, pulls work and are not counted. */
export async function openPullCounters(
  config: Config,
  parts: { readonly database: Database; readonly clock: () => number; readonly logger: Logger },
): Promise<OpenPullCounters> {
  const { database, clock, logger } = parts;
  let store: PullCounterStore;
  try {
    store = await openSqlitePullCounters(pullCounterFile(config), databaseFile(config));
  } catch (error) {
    logger.error(
      { err: error },
      "the file of the pull counters can't be opened: pulls are not counted",
    );
    return {
      pullCounters: { record: () => undefined, recordPush: () => undefined },
      counts: {
        of: () => new Map(),
        ofTags: () => new Map(),
      },
      version: () => 0,
      close: () => Promise.resolve(),
    };
  }
  const pullCounters = new PullCounterBuffer({
    ...{ store, clock, everyMs },
    rank: (ranks) => database.run("rankRepositories", { ranks }),
    removalOf: (repository) => database.repositoryCache.factsOf(repository).removal,
    report: (error) => logger.warn({ err: error }, "pulls could not be written down"),
  });
  return {
    pullCounters,
    counts: createPullCounts(store),
    version: () => store.version(),
    async close() {
      await pullCounters.close();
      await store.close();
    },
  };
}
