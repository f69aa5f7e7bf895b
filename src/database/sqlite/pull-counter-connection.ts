import SqliteDatabase, { type Database as SqliteConnection } from "better-sqlite3";
import { busyTimeoutMs, useWriteAheadLog } from "./connection.ts";
import { migrate, readMigrations } from "./migrate.ts";

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
