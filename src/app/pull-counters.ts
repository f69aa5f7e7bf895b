import {
  createPullCounts,
  PullCounterBuffer,
  type PullCounters,
  type PullCounts,
} from "../catalog/pull-counters.ts";
import type { Config } from "../config/schema.ts";
import type { PullCounterStore } from "../database/catalog/pull-counters.ts";
import type { Database } from "../database/contract.ts";
import type { AppContext } from "./context.ts";
import { openPullCounterStore } from "./database.ts";

/** Time between two writes. A crash loses the pulls and pushes since the last one. */
const everyMs = 2_000;

export interface OpenPullCounters {
  readonly pullCounters: PullCounters;
  readonly counts: PullCounts;
  /** Another value after each write. */
  version(): Promise<unknown>;
  /** Writes the counters that are still in memory. */
  close(): Promise<void>;
}

/** Opens the pull counters. If that fails, pulls work and are not counted. */
export async function openPullCounters(
  config: Config,
  database: Database,
  { logger, clock }: Pick<AppContext, "logger" | "clock">,
): Promise<OpenPullCounters> {
  let store: PullCounterStore;
  try {
    store = await openPullCounterStore(config, database);
  } catch (error) {
    logger.error({ err: error }, "the pull counters cannot be opened: pulls are not counted");
    return noPullCounters;
  }
  const pullCounters = new PullCounterBuffer({
    store,
    clock,
    everyMs,
    rank: (ranks) => database.commands.rankRepositories({ ranks }),
    report: (error) => logger.warn({ err: error }, "the pull counters cannot be written"),
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

const noPullCounters: OpenPullCounters = {
  pullCounters: { record: () => undefined, recordPush: () => undefined },
  counts: {
    of: () => Promise.resolve(new Map()),
    ofTags: () => Promise.resolve(new Map()),
    scanTags: () => Promise.resolve([]),
    days: () => Promise.resolve([]),
    knownSinceMs: () => Promise.resolve(Infinity),
  },
  version: () => Promise.resolve(0),
  close: () => Promise.resolve(),
};
