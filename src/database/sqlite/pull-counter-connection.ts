import SqliteDatabase, { type Database as SqliteConnection } from "better-sqlite3";
import { busyTimeoutMs, useWriteAheadLog } from "./connection.ts";
import { migrate, readMigrations } from "./migrate.ts";

/**
 * A connection to the file of the pull counters, which is made and brought up to date if need be. NORMAL: a commit costs no flush,
 * and a power cut the last of them, but never the file.
 */
export function openPullCounterConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { timeout: busyTimeoutMs });
  useWriteAheadLog(connection);
  connection.pragma("synchronous = NORMAL");
  connection.pragma("cache_size = -4096");
  migrate(connection, readMigrations("counts"));
  return connection;
}
