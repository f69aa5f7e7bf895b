import type { Database as SqliteConnection } from "better-sqlite3";

/** Whether what was read a moment ago is still so. */
export interface CacheInvalidation {
  /** Another value as soon as anybody has committed since. */
  version(): unknown;
  /** Something may have been written: look before the next answer, not only in the next turn of the event loop. */
  invalidate(): void;
}

/**
 * SQLite says with `data_version` whether any other connection, of whatever process, has committed since. It is asked
 * once a turn of the event loop, which costs 2 µs for all requests of that turn.
 */
export function createCacheInvalidation(connection: SqliteConnection): CacheInvalidation {
  const statement = connection.prepare("PRAGMA data_version").pluck();
  let version: unknown;
  let checked = false;
  return {
    version() {
      if (checked) return version;
      version = statement.get();
      checked = true;
      setImmediate(() => {
        checked = false;
      });
      return version;
    },
    invalidate() {
      checked = false;
    },
  };
}
