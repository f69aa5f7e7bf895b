import SqliteDatabase, { type Database as SqliteConnection, type Statement } from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { createByteCache } from "../../concurrency/byte-cache.ts";
import type { Db, Schema } from "../schema.ts";

/** How long whoever writes waits for a lock that another process holds before it gives up. */
export const busyTimeoutMs = 10_000;

export type { SqliteConnection };

/** The one connection that writes. FULL: an acknowledged commit survives a power cut, which NORMAL does not promise in WAL. */
export function openWriteConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { timeout: busyTimeoutMs });
  useWriteAheadLog(connection);
  connection.pragma("synchronous = FULL");
  connection.pragma("foreign_keys = ON");
  return connection;
}

const lookAgainMs = 5;

/**
 * Turns on WAL, which the file then keeps. Of several that do so in the same moment SQLite refuses some at once, without
 * waiting as it does for other locks: these try again.
 */
export function useWriteAheadLog(connection: SqliteConnection): void {
  const untilMs = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      connection.pragma("journal_mode = WAL");
      return;
    } catch (error) {
      const code = error instanceof SqliteDatabase.SqliteError ? error.code : "";
      if (!code.startsWith("SQLITE_BUSY") || performance.now() > untilMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookAgainMs);
    }
  }
}

/** A connection that reads: in WAL it never waits for a writer, whoever that is. */
export function openReadConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  connection.pragma("cache_size = -16384");
  return connection;
}

/** Bytes of all compiled statements of one connection: about 1,000. The least recently used go first. */
const statementsBytesAtMost = 8 * 1024 * 1024;
/** An estimate of what SQLite keeps of a statement besides its text; it does not tell the true number. */
const statementBytes = 6 * 1024;

/** Kysely on a connection that is already open; a statement is compiled once while it is in use. */
export function queriesOn(connection: SqliteConnection): Db {
  const statements = createByteCache<Statement>({
    maxBytes: statementsBytesAtMost,
    sizeOf: () => statementBytes,
  });
  return new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        prepare(text: string): Statement {
          let statement = statements.get(text);
          if (statement === undefined) {
            statement = connection.prepare(text);
            statements.set(text, statement);
          }
          return statement;
        },
        close: () => connection.close(),
      },
    }),
  });
}
