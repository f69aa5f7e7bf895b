import type { Config } from "../config/schema.ts";
import type { PullCounterStore } from "../database/catalog/pull-counters.ts";
import type { CommandMeter, Database, Writer } from "../database/contract.ts";
import type { KeyStore } from "../auth/signing-keys/key.ts";
import { databaseFile, keysFolder, NoRegistryError, pullCounterFile } from "./data-folder.ts";

/*
 * The database that the configuration selects: PostgreSQL with `database.url`, otherwise SQLite in the data folder, and
 * the signing keys beside it. Only the modules of the selected one are loaded.
 */

/**
 * Opens the database and migrates it.
 * @param options.sharedWriter the writer of the primary process, for a worker on SQLite
 * @param options.isNewAllowed creates the tables of a registry in a PostgreSQL database without them
 * @throws NoRegistryError, DatabaseError
 */
export async function openDatabase(
  config: Config,
  options: {
    readonly sharedWriter: Writer | undefined;
    readonly isNewAllowed: boolean;
    readonly meter?: CommandMeter;
  },
): Promise<Database> {
  const { url, readUrl, pool, prepare, listsMaxAge } = config.database;
  if (url === undefined) {
    const { openSqliteDatabase } = await import("../database/sqlite/open.ts");
    return await openSqliteDatabase(databaseFile(config), options.sharedWriter, options.meter);
  }
  const { openPostgresDatabase } = await import("../database/postgres/open.ts");
  const { isNewAllowed, meter } = options;
  const found = await openPostgresDatabase({
    ...{ url, readUrl, pool, prepare, listsMaxAgeMs: listsMaxAge, isNewAllowed, meter },
  });
  if (found === undefined)
    throw new NoRegistryError(
      'there is no registry in the database of database.url: start "berth serve" once',
    );
  return found;
}

/** Opens the pull counters: in the database, or in a file beside SQLite. */
export async function openPullCounterStore(
  config: Config,
  { pullCounters }: Database,
): Promise<PullCounterStore> {
  if (pullCounters !== undefined) return pullCounters;
  const sqlite = await import("../database/sqlite/pull-counters.ts");
  return sqlite.openPullCounterStore(pullCounterFile(config), databaseFile(config));
}

/**
 * Opens the signing keys: in the database, encrypted, with `database.url`; otherwise in a folder beside SQLite.
 * @throws KeySecretError
 */
export async function openKeyStore(config: Config, database: Database): Promise<KeyStore> {
  if (config.database.url === undefined) {
    const { createKeyFolder } = await import("../auth/signing-keys/folder.ts");
    return createKeyFolder(keysFolder(config));
  }
  const { createKeyTable } = await import("../auth/signing-keys/table.ts");
  const { keySecret, oldKeySecret } = config.auth;
  return createKeyTable(database, keySecret, oldKeySecret);
}
