import { existsSync } from "node:fs";
import path from "node:path";
import { createKeyFolder } from "../auth/signing-keys/folder.ts";
import type { KeyStore, SigningKey } from "../auth/signing-keys/key.ts";
import { createClosing } from "../concurrency/closing.ts";
import { once } from "../concurrency/single-flight.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../database/contract.ts";
import { openPool } from "../database/postgres/connection.ts";
import { excludeReplicas } from "../database/postgres/coordination.ts";
import { beginSource, beginTarget } from "../database/postgres/table-copy.ts";
import { snapshotSqlite } from "../database/sqlite/open.ts";
import { openSqliteSource, openSqliteTarget } from "../database/sqlite/table-copy.ts";
import { copyTables, countRows, type CopySource, type CopyTarget } from "../database/table-copy.ts";
import { MismatchError, movedMark } from "../maintenance/recovery.ts";
import type { AppContext } from "./context.ts";
import {
  createServedCheck,
  databaseFile,
  keysFolder,
  lockDataFolder,
  pullCounterFile,
} from "./data-folder.ts";
import { openDatabase, openKeyStore } from "./database.ts";

/*
 * Copies the database of a configuration, with its pull counters and signing keys, to the database of another one: from
 * a data folder to PostgreSQL, or back.
 */

/** The databases cannot be copied as they are. */
class DatabaseCopyError extends Error {
  override readonly name = "DatabaseCopyError";
}

interface Source {
  readonly rows: CopySource;
  /** No server starts until `close`. False: a server runs or starts. */
  excludeServers(): Promise<boolean>;
  close(): void | Promise<void>;
}

interface Target {
  /** `undefined`: the target has no secret to encrypt them. */
  readonly keys: KeyStore | undefined;
  begin(): Promise<CopyTarget & { finish(): void | Promise<void> }>;
  /** Before the rows are finished: removes them. */
  close(): void | Promise<void>;
}

export interface CopyProgress {
  /** The number of rows that will be copied and then compared. */
  start(rows: number): void;
  /** Some rows were copied, or compared. */
  advance(rows: number): void;
}

export interface CopiedDatabase {
  readonly rows: number;
  /** `undefined`: they were not copied, because the target has no `auth.keySecret`. */
  readonly keys: number | undefined;
}

/**
 * Copies the database of `context` to that of the configuration `target`, which must have no registry. All rows of the
 * target are read again and compared; if one differs, the target stays empty. No server starts on the source any more
 * unless `keepSource`.
 * Rejects with DatabaseCopyError if a server runs on the source or the target is not empty, and with CopyError,
 * KeySecretError, FolderInUseError and errors of the databases.
 */
export async function copyDatabase(
  context: AppContext,
  target: Config,
  options: { readonly keepSource: boolean; readonly progress: CopyProgress },
): Promise<CopiedDatabase> {
  const database = await context.database();
  const id = await demandStopped(context, database);
  const from = await openSource(context.config);
  context.onClose(() => from.close());
  if (!(await from.excludeServers())) throw new DatabaseCopyError(served);
  const to = await openTarget(target);
  context.onClose(() => to.close());

  // Before the rows: an interrupted copy leaves keys, which the next one finds, but no rows.
  const ours = (await (await sourceKeys(context, database))?.list()) ?? [];
  const keys = await addKeys(ours, to.keys);
  const copied = await to.begin();
  options.progress.start(await countRows(from.rows));
  const rows = await copyTables(from.rows, copied, (done) => options.progress.advance(done));
  await copied.finish();
  await from.close();
  if (!options.keepSource) await database.commands.renameInstance({ id: movedMark(id) });
  return { rows, keys };
}

/**
 * Copies the database to a SQLite file in `folder`, as it is now, while servers run. Resolves with the path of the file.
 */
export async function snapshotDatabase(config: Config, folder: string): Promise<string> {
  const main = path.join(folder, "berth.db");
  if (config.database.url === undefined) {
    await snapshotSqlite(databaseFile(config), main);
    return main;
  }
  const source = await openSource(config);
  try {
    const target = openSqliteTarget({ main, pullCounters: path.join(folder, "berth-counts.db") });
    try {
      await copyTables(source.rows, target, () => undefined);
      target.finish();
    } finally {
      target.close();
    }
  } finally {
    await source.close();
  }
  return main;
}

/** The id of the source. Rejects unless its server has stopped, and is not running now. */
async function demandStopped(context: AppContext, database: Database): Promise<string> {
  const isServed = await createServedCheck(context);
  const instance = await database.instance.get();
  if (instance === undefined)
    throw new DatabaseCopyError(
      'no server has run on this database yet: start "berth serve" on the target instead',
    );
  if (instance.id.startsWith(movedMark("")))
    throw new MismatchError("this database has been copied to another one before");
  if (await isServed()) throw new DatabaseCopyError(served);
  if (context.config.database.url === undefined && !instance.cleanStop)
    throw new DatabaseCopyError(
      'the last server was killed, so its blobs must be checked first: start "berth serve" once and stop it',
    );
  return instance.id;
}

const served =
  "a server runs on the database, or was killed less than 60 s ago: stop all servers, and copy then";

async function openSource(config: Config): Promise<Source> {
  const { url } = config.database;
  if (url === undefined) {
    const source = openSqliteSource(filesOf(config));
    // The command holds the lock of the folder.
    return { rows: source, excludeServers: async () => true, close: once(() => source.close()) };
  }
  const { connection, close } = await connectTo(url);
  const rows = await beginSource(connection);
  return { rows, excludeServers: () => excludeReplicas(connection), close };
}

/** Opens an empty database that gets the rows of another one. Throws DatabaseCopyError if it has a registry. */
export async function openTarget(config: Config): Promise<Target> {
  const { url } = config.database;
  if (url === undefined) return await openFolderTarget(config);
  // Creates or migrates the tables.
  const database = await openDatabase(config, { sharedWriter: undefined, isNewAllowed: true });
  const closing = createClosing();
  closing.add(() => database.close());
  const isUsed = (): Error =>
    new DatabaseCopyError("the database of database.url has a registry: use an empty one");
  try {
    const { items } = await database.accounts.list({ kind: "user", limit: 1 });
    if (items.length > 0 || (await database.instance.get()) !== undefined) throw isUsed();
    const hasSecret = config.auth.keySecret !== undefined;
    return {
      keys: hasSecret ? await openKeyStore(config, database) : undefined,
      begin: async () => {
        const { connection, close } = await connectTo(url);
        closing.add(close);
        const target = await beginTarget(connection);
        if (target === undefined) throw isUsed();
        return target;
      },
      close: () => closing.run(),
    };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

async function openFolderTarget(config: Config): Promise<Target> {
  const lock = await lockDataFolder(config);
  try {
    for (const file of Object.values(filesOf(config)))
      if (existsSync(file))
        throw new DatabaseCopyError(`${file} exists: use a data folder without a database`);
    const target = openSqliteTarget(filesOf(config));
    const close = once(() => {
      target.close();
      lock.release();
    });
    return { keys: createKeyFolder(keysFolder(config)), begin: async () => target, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

const filesOf = (config: Config) => ({
  main: databaseFile(config),
  pullCounters: pullCounterFile(config),
});

/** One connection of its own to PostgreSQL. Its end rolls its transaction back. */
async function connectTo(url: string) {
  const pool = openPool({ url, pool: 1, prepare: false });
  const connection = await pool.connect();
  const close = once(async () => {
    connection.release(true);
    await pool.close();
  });
  return { connection, close };
}

/** The keys of the source. In open mode PostgreSQL has none. */
export async function sourceKeys(
  context: AppContext,
  database: Database,
): Promise<KeyStore | undefined> {
  const { config } = context;
  const hasKeys = config.database.url === undefined || config.auth.keySecret !== undefined;
  return hasKeys ? await openKeyStore(config, database) : undefined;
}

/**
 * Adds the keys that the target does not have yet, the oldest first. Returns the number of the keys; `undefined`: the
 * target cannot have keys. Throws DatabaseCopyError if it has others.
 * @param keys the newest first
 */
export async function addKeys(
  keys: readonly SigningKey[],
  to: KeyStore | undefined,
): Promise<number | undefined> {
  if (to === undefined) return keys.length === 0 ? 0 : undefined;
  const known = new Set((await to.list()).map(({ id }) => id));
  const ours = new Set(keys.map(({ id }) => id));
  if ([...known].some((id) => !ours.has(id)))
    throw new DatabaseCopyError("the target has signing keys of another registry: delete them");
  let before = (await to.list())[0]?.id;
  for (const key of keys.toReversed()) {
    if (known.has(key.id)) continue;
    await to.add(key, before);
    before = key.id;
  }
  return keys.length;
}
