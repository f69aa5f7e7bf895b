import type { Config } from "../config/schema.ts";
import type { PullCounterStore } from "../database/catalog/pull-counters.ts";
import type { Database, Writer } from "../database/contract.ts";
import { databaseFile, pullCounterFile } from "./data-folder.ts";

/*
 * The database that the configuration selects: PostgreSQL with `database.url`, otherwise SQLite in the data folder. Only
 * the modules of the selected one are loaded.
 */

/**
 * Opens the database and migrates it.
 * @param sharedWriter the writer of the primary process, for a worker on SQLite
 */
export async function openDatabase(config: Config, sharedWriter?: Writer): Promise<Database> {
  const { url, pool, prepare, listsMaxAge } = config.database;
  if (url === undefined) {
    const { openSqliteDatabase } = await import("../database/sqlite/open.ts");
    return await openSqliteDatabase(databaseFile(config), sharedWriter);
  }
  const { openPostgresDatabase } = await import("../database/postgres/open.ts");
  return await openPostgresDatabase({ url, pool, prepare, listsMaxAgeMs: listsMaxAge });
}

/** Opens the pull counters beside the database. */
export async function openPullCounterStore(config: Config): Promise<PullCounterStore> {
  const sqlite = await import("../database/sqlite/pull-counters.ts");
  return sqlite.openPullCounterStore(pullCounterFile(config), databaseFile(config));
}
