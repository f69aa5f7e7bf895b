import { stat } from "node:fs/promises";
import { sql } from "kysely";
import { createReads, type Reads } from "../reads.ts";
import type { Db } from "../schema.ts";
import { openReadConnection, queriesOn, type SqliteConnection } from "./connection.ts";
import { createCacheInvalidation, createFacts, type CacheInvalidation } from "./facts.ts";
import { SqliteSearchIndex } from "./search-index.ts";

export interface SqliteReads {
  readonly reads: Reads;
  /** Call it before an answer that must see the last write of this process. */
  readonly invalidate: () => void;
  readonly probe: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** All reads of the database in `file`, on their own connection. */
export const openReads = (file: string): SqliteReads => createSqliteReads(openReadConnection(file));

/**
 * The same on a connection that is already open.
 * @param cacheInvalidation for a connection that writes too: SQLite does not tell a connection of its own commits
 */
export function createSqliteReads(
  connection: SqliteConnection,
  cacheInvalidation: CacheInvalidation = createCacheInvalidation(connection),
): SqliteReads {
  const db = queriesOn(connection);
  const facts = createFacts(connection, cacheInvalidation);
  const version = async (): Promise<unknown> => cacheInvalidation.version();
  return {
    reads: createReads(db, {
      facts,
      version,
      searchIndex: new SqliteSearchIndex(db, version),
      sizeBytes: () => measureFiles(connection.name),
      integrity: (quick) => findDamage(db, quick),
    }),
    invalidate: () => cacheInvalidation.invalidate(),
    probe: async () => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    async close() {
      await db.destroy();
      // Kysely does not close a connection that had no query; then the writer's close leaves its log beside the database.
      if (connection.open) connection.close();
    },
  };
}

/** The bytes of the database and of its log. */
async function measureFiles(file: string): Promise<number> {
  const sizes = ["", "-wal"].map(async (suffix) => {
    const found = await stat(`${file}${suffix}`).catch(() => undefined);
    return found?.size ?? 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The errors that SQLite reports. `quick` does not compare indexes with tables. */
async function findDamage(db: Db, quick: boolean): Promise<readonly string[]> {
  const pragma = quick
    ? sql<{ message: string }>`SELECT quick_check AS message FROM pragma_quick_check`
    : sql<{ message: string }>`SELECT integrity_check AS message FROM pragma_integrity_check`;
  const { rows } = await pragma.execute(db);
  return rows.map((row) => row.message).filter((message) => message !== "ok");
}
