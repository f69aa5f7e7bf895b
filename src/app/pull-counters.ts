import type { Config } from "../config/schema.ts";
import { createCounts, type Counts } from "../catalog/pull-counters.ts";
import { createTally, type Tally } from "../catalog/pull-counter-buffer.ts";
import { openSqliteCounts, type CountsStore } from "../database/catalog/pull-counters.ts";
import type { Metadata } from "../database/database.ts";
import type { Logger } from "../observability/logger.ts";
import { countsFile, databaseFile } from "./stores.ts";

/** What a crash may lose of pulls and pushes. */
const everyMs = 2_000;

export interface Counting {
  readonly tally: Tally;
  readonly counts: Counts;
  /** Another value as soon as anything was written down. */
  version(): unknown;
  /** Writes down what is still in memory. */
  close(): Promise<void>;
}

/** Opens the file of counts. Nobody is kept from a pull because it can't be counted: without the file, nothing is. */
export async function openCounting(
  config: Config,
  parts: { readonly metadata: Metadata; readonly clock: () => number; readonly logger: Logger },
): Promise<Counting> {
  const { metadata, clock, logger } = parts;
  let store: CountsStore;
  try {
    store = await openSqliteCounts(countsFile(config), databaseFile(config));
  } catch (error) {
    logger.error({ err: error }, "the file of counts can't be opened: pulls are not counted");
    return {
      tally: { pulled: () => undefined, pushed: () => undefined },
      counts: {
        of: () => new Map(),
        ofTags: () => new Map(),
      },
      version: () => 0,
      close: () => Promise.resolve(),
    };
  }
  const tally = createTally({
    ...{ store, clock, everyMs },
    rank: (ranks) => metadata.run("rankRepositories", { ranks }),
    removalOf: (repository) => metadata.hotRepositories.factsOf(repository).removal,
    report: (error) => logger.warn({ err: error }, "pulls could not be written down"),
  });
  return {
    tally,
    counts: createCounts(store),
    version: () => store.version(),
    async close() {
      await tally.close();
      await store.close();
    },
  };
}
