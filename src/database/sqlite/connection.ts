import SqliteDatabase, { type Database as SqliteConnection } from "./driver.ts";
import { Kysely, type SqliteStatement } from "kysely";
import { createByteCache } from "../../concurrency/bounded-cache.ts";
import type { Db, Schema } from "../schema.ts";
import { BerthSqliteDialect } from "./dialect.ts";
import { sqliteError } from "./errors.ts";
import { readMigrations } from "../migrations.ts";
import { migrate } from "./migrate.ts";

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

/** A read connection. In WAL mode it never waits for a writer. Throws DatabaseError. */
export const openReadConnection = translating((file: string): SqliteConnection => {
  const connection = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  connection.pragma("cache_size = -16384");
  return connection;
});

/** The same function, with a DatabaseError for an error of SQLite. */
export function translating<Input extends unknown[], Result>(
  work: (...input: Input) => Result,
): (...input: Input) => Result {
  return (...input) => {
    try {
      return work(...input);
    } catch (error) {
      if (!(error instanceof SqliteDatabase.SqliteError)) throw error;
      throw sqliteError(error.message, error.code, error);
    }
  };
}

/** Compiles a statement to the form that Kysely needs. */
const prepare = translating((connection: SqliteConnection, text: string): SqliteStatement => {
  const statement = connection.prepare(text);
  return {
    reader: statement.reader,
    all: translating((parameters) => statement.all(parameters)),
    run: translating((parameters) => statement.run(parameters)),
    iterate: translating((parameters) => statement.iterate(parameters)),
  };
});

/**
 * Cache of compiled statements of one connection, 8 MiB: about 1,000 statements. The least recently used is dropped
 * first.
 */
const statementsBytesAtMost = 8 * 1024 * 1024;
/** Estimated memory of a statement besides its text; SQLite does not report the real number. */
const statementBytes = 6 * 1024;

/** Kysely on an open connection. It compiles a statement once and caches it. Queries reject with DatabaseError. */
export function queriesOn(connection: SqliteConnection): Db {
  const statements = createByteCache<SqliteStatement>({
    maxBytes: statementsBytesAtMost,
    sizeOf: () => statementBytes,
  });
  return new Kysely<Schema>({
    dialect: new BerthSqliteDialect({
      prepare(text: string): SqliteStatement {
        let statement = statements.get(text);
        if (statement === undefined) {
          statement = prepare(connection, text);
          statements.set(text, statement);
        }
        return statement;
      },
      close: () => connection.close(),
    }),
  });
}
