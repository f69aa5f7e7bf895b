import { createReads, type Reads } from "../reads.ts";
import { openReadConnection, queriesOn, type SqliteConnection } from "./connection.ts";
import { createCacheInvalidation, createFacts } from "./facts.ts";

export interface SqliteReads {
  readonly reads: Reads;
  /** Call it before an answer that must see the last write of this process. */
  readonly invalidate: () => void;
  readonly probe: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** All reads of the database in `file`, on their own connection. */
export const openReads = (file: string): SqliteReads => createSqliteReads(openReadConnection(file));

/** The same on a connection that is already open. */
export function createSqliteReads(connection: SqliteConnection): SqliteReads {
  const db = queriesOn(connection);
  const cacheInvalidation = createCacheInvalidation(connection);
  const facts = createFacts(connection, cacheInvalidation);
  const version = (): Promise<unknown> => Promise.resolve(cacheInvalidation.version());
  return {
    reads: createReads(db, { facts, version }),
    invalidate: () => cacheInvalidation.invalidate(),
    probe: async () => {
      await db.selectFrom("repositories").select("id").limit(1).execute();
    },
    close: () => db.destroy(),
  };
}
