import SqliteDatabase, { type Database as SqliteConnection, type Statement } from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { createByteCache } from "../../concurrency/bounded-cache.ts";
import type { Db, Schema } from "../schema.ts";
import { migrate, readMigrations } from "./migrate.ts";

/** How long a connection waits for a lock of another process before it fails. */
const busyTimeoutMs = 10_000;

export type { SqliteConnection };

/**
 * The only write connection. `FULL`: an acknowledged commit survives a power failure; in WAL mode `NORMAL` does not
 * guarantee that.
 */
export function openWriteConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { timeout: busyTimeoutMs });
  useWriteAheadLog(connection);
  connection.pragma("synchronous = FULL");
  connection.pragma("foreign_keys = ON");
  return connection;
}

const lookAgainMs = 5;

/**
 * Switches the file to WAL mode, which is persistent. If several processes switch at the same time, SQLite fails at
 * once with SQLITE_BUSY instead of waiting for the lock. So this function retries every 5 ms.
 */
function useWriteAheadLog(connection: SqliteConnection): void {
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

/**
 * Opens the file of the pull counters; creates or migrates it if needed. `NORMAL`: a commit needs no flush. A power
 * failure may lose the last commits, but does not corrupt the file.
 */
export function openPullCounterConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { timeout: busyTimeoutMs });
  useWriteAheadLog(connection);
  connection.pragma("synchronous = NORMAL");
  connection.pragma("cache_size = -4096");
  migrate(connection, readMigrations("counts"));
  return connection;
}

/** A read connection. In WAL mode it never waits for a writer. */
export function openReadConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  connection.pragma("cache_size = -16384");
  return connection;
}

/**
 * Cache of compiled statements of one connection, 8 MiB: about 1,000 statements. The least recently used is dropped
 * first.
 */
const statementsBytesAtMost = 8 * 1024 * 1024;
/** Estimated memory of a statement besides its text; SQLite does not report the real number. */
const statementBytes = 6 * 1024;

/** Kysely on an open connection. It compiles a statement once and caches it. */
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
