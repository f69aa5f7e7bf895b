import { existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { syncDirectory } from "../../storage/filesystem/durable-files.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createKeyFolder } from "../auth/signing-keys/folder.ts";
import type { KeyStore, SigningKey } from "../auth/signing-keys/key.ts";
import { createClosing, type Closing } from "../concurrency/closing.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../database/contract.ts";
import { openSqliteDatabase } from "../database/sqlite/open.ts";
import { openSqliteSource } from "../database/sqlite/table-copy.ts";
import { copyTables } from "../database/table-copy.ts";
import { fetchFile, type BlobEntry } from "../maintenance/backup/blob-list.ts";
import type { BackupPoint } from "../maintenance/backup/point.ts";
import {
  restoreBlobs,
  stateBeforeRestore,
  type RestoredBlobs,
} from "../maintenance/backup/restore.ts";
import { BackupError, type BackupTarget } from "../maintenance/backup/target.ts";
import { restoreMark } from "../maintenance/recovery.ts";
import {
  databaseFile,
  hasDataFolder,
  keysFolder,
  lockDataFolder,
  openStore,
  pullCounterFile,
} from "./data-folder.ts";
import { openSecrets, writeSecrets, type RegistrySecrets } from "./backup-secrets.ts";
import { addKeys, openTarget } from "./database-copy.ts";
import { openDatabase } from "./database.ts";

export interface RestoreOptions {
  readonly config: Config;
  readonly from: BackupTarget;
  readonly point: BackupPoint;
  /** Opens the signing keys and the secrets of webhooks of the backup; `undefined`: the registry gets none. */
  readonly passphrase: string | undefined;
  /** The store has blobs of this registry, which stay. */
  readonly keepsBlobs: boolean;
  /** Gets the bytes of each blob that was copied or found. */
  readonly advance: (bytes: number) => void;
}

export interface Restored extends RestoredBlobs {
  /** The number of signing keys. */
  readonly keys: number;
  /** The number of webhooks that have their secrets. */
  readonly webhooks: number;
}

/**
 * Restores a point into the registry of a configuration, which must have none: first the blobs, then the keys, then the
 * database. No server starts before the end. The next run continues an interrupted one.
 * Rejects with BackupError, FolderInUseError, DatabaseCopyError, and errors of the databases and the stores.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { config, from, point } = options;
  if (config.storage.driver === "memory")
    throw new BackupError("blobs in memory end with their process: restore into a folder or S3");
  const secrets = await secretsOf(point, options.passphrase);
  const closing = createClosing();
  try {
    const { store, isBegun } = await openEmpty(options, closing);
    const isPostgres = config.database.url !== undefined;
    const target = isPostgres ? await openEmptyTarget(options, isBegun, closing) : undefined;
    await store.claim(restoreMark(point.instance, point.id));
    const finish = isPostgres
      ? await preparePostgres(options, target, closing)
      : await prepareSqlite(options);
    const blobs = await restoreBlobs({ from, to: store, point, advance: options.advance });
    const written = await finish(secrets, blobs.missing);
    await store.claim(point.instance);
    return { ...blobs, ...written };
  } finally {
    await closing.run();
  }
}

async function secretsOf(
  { keys, instance, id }: BackupPoint,
  passphrase: string | undefined,
): Promise<RegistrySecrets> {
  if (keys === null || passphrase === undefined) return { keys: [], webhooks: [], mirrors: [] };
  const opened = await openSecrets(keys, passphrase, instance);
  if (opened !== undefined) return opened;
  throw new BackupError(`the passphrase does not open the keys of the point ${id}`);
}

/** Opens the store, after it has checked that there is no registry. Creates nothing in a folder that is used. */
async function openEmpty(
  { config, point, keepsBlobs }: RestoreOptions,
  closing: Closing,
): Promise<{ readonly store: BlobStore; readonly isBegun: boolean }> {
  const { data } = config;
  const isUsed = hasDataFolder(config) && (await hasFiles(data));
  const notEmpty = new BackupError(`${data} is not empty: restore into an empty folder`);
  const isInFolder = config.storage.driver === "filesystem";
  if (isUsed && isInFolder && !existsSync(path.join(data, "blobs", "instance"))) throw notEmpty;
  const lock = await lockDataFolder(config);
  closing.add(lock.release);
  const store = await openStore(config);
  closing.add(() => store.close());
  const state = await stateBeforeRestore(store, point, keepsBlobs);
  if (state === "begun") return { store, isBegun: true };
  if (state === "new" && isUsed) throw notEmpty;
  if (config.database.url === undefined && existsSync(databaseFile(config)))
    throw new BackupError(`${databaseFile(config)} exists: move it to another folder first`);
  return { store, isBegun: false };
}

async function hasFiles(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.some((name) => name !== "lost+found" && name !== "server.lock");
}

/**
 * Writes the secrets and the database of a point that was prepared, after its blobs. Before the blobs, the preparation
 * shows that this program can open the database.
 */
type Finish = (
  secrets: RegistrySecrets,
  missing: readonly BlobEntry[],
) => Promise<Pick<Restored, "keys" | "webhooks">>;

/** The files get their names last, the main database after all others. */
async function prepareSqlite({ config, from, point }: RestoreOptions): Promise<Finish> {
  const [file, counterFile] = [databaseFile(config), pullCounterFile(config)];
  const [part, counterPart] = [`${file}.restored`, `${counterFile}.restored`];
  for (const suffix of ["", "-wal", "-shm"]) await rm(`${part}${suffix}`, { force: true });
  await fetchDatabase({ main: part, pullCounters: counterPart }, from, point);
  return async (secrets, missing) => {
    await addToFolder(secrets.keys, createKeyFolder(keysFolder(config)));
    if (point.pullCounters !== null) await rename(counterPart, counterFile);
    const complete = completion(config, missing, secrets);
    const written = await complete(await openSqliteDatabase(part));
    await rename(part, file);
    await syncDirectory(config.data);
    return { keys: secrets.keys.length, webhooks: written };
  };
}

/** A folder that `--keep-blobs` keeps may have these keys already, and newer ones. */
async function addToFolder(keys: readonly SigningKey[], folder: KeyStore): Promise<void> {
  const known = new Set((await folder.list()).map(({ id }) => id));
  for (const key of keys) if (!known.has(key.id)) await folder.add(key, undefined);
}

type PostgresTarget = Awaited<ReturnType<typeof openTarget>>;

/**
 * Opens the database of PostgreSQL, which must be empty. `undefined`: it has the rows of this point, because an interrupted
 * run has committed them, after the keys.
 */
async function openEmptyTarget(
  { config, point }: RestoreOptions,
  isBegun: boolean,
  closing: Closing,
): Promise<PostgresTarget | undefined> {
  const found = await openForRestore(config);
  const instance = await found.instance.get();
  await found.close();
  if (isBegun && instance?.id === point.instance) return undefined;
  const target = await openTarget(config);
  closing.add(() => target.close());
  return target;
}

const openForRestore = (config: Config) =>
  openDatabase(config, { sharedWriter: undefined, isNewAllowed: true });

async function preparePostgres(
  { config, from, point }: RestoreOptions,
  target: PostgresTarget | undefined,
  closing: Closing,
): Promise<Finish> {
  if (target === undefined) {
    return async (secrets, missing) => {
      const complete = completion(config, missing, secrets);
      const webhooks = await complete(await openForRestore(config));
      return { keys: secrets.keys.length, webhooks };
    };
  }
  const folder = await mkdtemp(path.join(tmpdir(), "berth-restore-"));
  closing.add(() => rm(folder, { recursive: true, force: true }));
  const files = {
    main: path.join(folder, "berth.db"),
    pullCounters: path.join(folder, "berth-counts.db"),
  };
  await fetchDatabase(files, from, point);
  return async (secrets, missing) => {
    const added = await addKeys(secrets.keys, target.keys);
    const source = openSqliteSource(files);
    closing.add(() => source.close());
    const copied = await target.begin();
    await copyTables(source, copied, () => undefined);
    await copied.finish();
    const complete = completion(config, missing, secrets);
    return { keys: added ?? 0, webhooks: await complete(await openForRestore(config)) };
  };
}

/** Copies the files of the database, and migrates them to the version of this program. */
async function fetchDatabase(
  files: { readonly main: string; readonly pullCounters: string },
  from: BackupTarget,
  { id, database, pullCounters }: BackupPoint,
): Promise<void> {
  await fetchFile(from, database, files.main);
  if (pullCounters !== null) await fetchFile(from, pullCounters, files.pullCounters);
  try {
    await (await openSqliteDatabase(files.main)).close();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new BackupError(`cannot open the database of the point ${id}: ${message}`, {
      cause: error,
    });
  }
}

/**
 * Marks the blobs whose bytes are in no place as missing, encrypts the secrets of webhooks and the passwords of mirrors, and
 * closes the database. Resolves with the number of webhooks that have their secrets.
 */
const completion =
  (config: Config, missing: readonly BlobEntry[], secrets: RegistrySecrets) =>
  async (database: Database): Promise<number> => {
    try {
      for (const { key } of missing) await database.commands.quarantineBlob({ storageKey: key });
      return await writeSecrets(config, database, secrets);
    } finally {
      await database.close();
    }
  };
