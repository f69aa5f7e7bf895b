import { createReads, type Reads } from "../reads.ts";
import { queriesForLists, queriesOnPool, type PostgresPool } from "./connection.ts";
import { isConnectionLost } from "./errors.ts";
import { createBatchedReads } from "./facts.ts";
import { findDamage } from "./integrity.ts";
import { PostgresSearchIndex } from "./search-index.ts";

export interface PostgresReads {
  readonly reads: Reads;
  /** Call it after a write of this process: the next answer compares the version with the database. */
  readonly invalidate: () => void;
}

/**
 * All reads of the database, each on a connection of the pool.
 * @param options.lists where lists are read: the pool, or a standby
 * @param options.listsMaxAgeMs lists that are cached by `version()` may be as old as this, unless this process has
 * written since
 */
export function createPostgresReads(
  pool: PostgresPool,
  { lists, listsMaxAgeMs }: { readonly lists: ReadPool; readonly listsMaxAgeMs: number },
): PostgresReads {
  const db = queriesOnPool(pool);
  const listsDb = queriesForLists(lists);
  let known: { readonly version: Promise<string>; readonly untilMs: number } | undefined;
  const read = async (): Promise<string> => {
    const [row] = await lists.read<{ readonly version: string }>(
      "SELECT pg_current_snapshot()::text AS version",
      [],
    );
    return `${lists.lostConnections()} ${row?.version}`;
  };
  // The version changes with every commit of every replica, so that a cache that asked each time would never be used.
  const version = (): Promise<string> => {
    const nowMs = performance.now();
    if (known === undefined || known.untilMs <= nowMs) {
      const asked = { version: read(), untilMs: nowMs + listsMaxAgeMs };
      known = asked;
      asked.version.catch(() => {
        if (known === asked) known = undefined;
      });
    }
    return known.version;
  };
  const { facts, findUpload } = createBatchedReads(pool);
  const reads = createReads(
    db,
    {
      facts,
      version,
      searchIndex: new PostgresSearchIndex(listsDb, version),
      sizeBytes: () => measureDatabase(pool),
      integrity: (quick) => findDamage(pool, quick),
    },
    listsDb,
  );
  return {
    reads: {
      ...reads,
      uploads: { ...reads.uploads, find: findUpload },
    },
    invalidate: () => {
      known = undefined;
    },
  };
}

/** The bytes of all tables and indexes of the database, also of those that are not Berth's. */
async function measureDatabase(pool: PostgresPool): Promise<number> {
  const [row] = await pool.read<{ readonly bytes: string }>(
    "SELECT pg_database_size(current_database())::text AS bytes",
    [],
  );
  return Number(row?.bytes ?? 0);
}

/** Reads alone. */
export type ReadPool = Pick<PostgresPool, "read" | "lostConnections">;

/** A standby that failed is not asked for this time. */
const pauseMs = 5_000;

/** Reads from a standby, and from the primary while the standby cannot be reached. */
export function createStandbyReads(standby: ReadPool, primary: ReadPool): ReadPool {
  let awayUntilMs = -Infinity;
  let changes = 0;

  return {
    async read<Row>(text: string, values?: readonly unknown[]) {
      if (performance.now() < awayUntilMs) return await primary.read<Row>(text, values);
      try {
        return await standby.read<Row>(text, values);
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        // A list of the primary must not stay in a cache under a version of the standby.
        changes += 1;
        awayUntilMs = performance.now() + pauseMs;
        return await primary.read<Row>(text, values);
      }
    },
    lostConnections() {
      const isAway = performance.now() < awayUntilMs;
      const lost = isAway ? primary.lostConnections() : standby.lostConnections();
      return 2 * (changes + lost) + (isAway ? 1 : 0);
    },
  };
}
