import { createReads, type Reads } from "../reads.ts";
import { queriesForLists, queriesOnPool, type PostgresPool } from "./connection.ts";
import { createBatchedReads } from "./facts.ts";
import { findDamage } from "./integrity.ts";
import { PostgresSearchIndex } from "./search-index.ts";
import type { ReadPool } from "./standby.ts";

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
  const { facts, findBlob, findUpload } = createBatchedReads(pool);
  const reads = createReads(
    db,
    {
      facts,
      version,
      searchIndex: new PostgresSearchIndex(listsDb, version),
      integrity: (quick) => findDamage(pool, quick),
    },
    listsDb,
  );
  return {
    reads: {
      ...reads,
      blobs: { ...reads.blobs, find: findBlob },
      uploads: { ...reads.uploads, find: findUpload },
    },
    invalidate: () => {
      known = undefined;
    },
  };
}
