import { constants, existsSync } from "node:fs";
import { access, mkdir, mkdtemp, opendir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { BlobStore } from "../../storage/blob-store.ts";
import { openFilesystemStore } from "../../storage/filesystem/store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../database/contract.ts";
import { FolderInUseError, lockFolder, type FolderLock } from "../database/sqlite/folder-lock.ts";

/*
 * The data folder: the names of its files, its owner, its lock, and the store that the configuration selects for it.
 */

/** The data folder or the database has no registry. */
export class NoRegistryError extends Error {
  override readonly name = "NoRegistryError";
}

/** This process would write files into the data folder that the owner of the folder cannot read. */
class OwnerError extends Error {
  override readonly name = "OwnerError";
}

/** Path of the database. Blobs in memory end with the process and so must their rows: each process has its own file. */
export function databaseFile({ data, storage }: Config): string {
  return path.join(data, storage.driver === "memory" ? `memory-${process.pid}.db` : "berth.db");
}

/** Path of the pull counters, beside the database. */
export const pullCounterFile = (config: Config): string =>
  databaseFile(config).replace(/\.db$/, "-counts.db");

/** Folder of the keys that sign tokens. */
export const keysFolder = ({ data }: Config): string => path.join(data, "keys");

/** PostgreSQL and S3 need no data folder. */
export const hasDataFolder = ({ database, storage }: Config): boolean =>
  database.url === undefined || storage.driver !== "s3";

/** In two calls: on a file system that creates no folders (`/proc`) Node's recursive mkdir never returns. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/** Opens the blob store of the configuration; creates the data folder if it is missing. */
export async function openStore(config: Config): Promise<BlobStore> {
  if (hasDataFolder(config)) await makeFolder(config.data);
  switch (config.storage.driver) {
    case "filesystem":
      return openFilesystemStore(config.data, config.storage.reserve);
    case "memory":
      return await openMemoryStore(config);
    case "s3":
      return await openS3Store(config.storage.s3);
  }
}

/** The rows of blobs in memory are deleted before the first use and after the last: `close` needs a closed database. */
async function openMemoryStore(config: Config): Promise<BlobStore> {
  const deleteRows = async (): Promise<void> => {
    for (const file of [databaseFile(config), pullCounterFile(config)])
      for (const suffix of ["", "-wal", "-shm"]) await rm(`${file}${suffix}`, { force: true });
  };
  await deleteRows();
  const store = createMemoryStore();
  return {
    ...store,
    close: async () => {
      await store.close();
      await deleteRows();
    },
  };
}

async function openS3Store(s3: Config["storage"]["s3"]): Promise<BlobStore> {
  const { bucket, prefix = "" } = s3;
  if (bucket === undefined) throw new TypeError("storage.s3.bucket is checked with the rest");
  // Loaded only for S3: the SDK is larger than the rest of the program.
  const { createS3Store } = await import("../../storage/s3/store.ts");
  return createS3Store({ ...s3, bucket, prefix: prefixOf(prefix) });
}

/**
 * The settings for a bucket besides that of the blobs, named as `s3://BUCKET/PREFIX`; `undefined`: the location has no
 * bucket.
 */
export function bucketAt(location: string, s3: Config["storage"]["s3"]) {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(location) ?? [];
  return bucket === "" ? undefined : { ...s3, bucket, prefix: prefixOf(prefix), redirect: false };
}

/** A prefix with one slash at its end and none at its begin; or empty. */
const prefixOf = (text: string): string => {
  const names = text.replaceAll(/^\/+|\/+$/g, "");
  return names === "" ? "" : `${names}/`;
};

/**
 * Prepares the data folder before a command opens it. Resolves with true if it has no registry yet and may get one: then
 * creates the folder. With PostgreSQL only the database tells whether it has a registry, so true means that it may get
 * one.
 * @throws NoRegistryError
 */
export async function prepareRegistry(config: Config, isNewAllowed: boolean): Promise<boolean> {
  if (config.database.url !== undefined) return isNewAllowed;
  if (existsSync(databaseFile(config))) return false;
  if (!isNewAllowed) {
    const advice = 'start "berth serve" once, or name the folder with --data';
    throw new NoRegistryError(`there is no registry in ${config.data}: ${advice}`);
  }
  await makeFolder(config.data);
  return true;
}

/**
 * Prepares the data folder before a server opens it: creates the folder if it is missing, checks its owner, and locks
 * it against a second server. With blobs in memory each process has its own database and needs no lock.
 * @throws OwnerError, FolderInUseError
 */
export async function lockDataFolder(config: Config): Promise<FolderLock> {
  if (config.database.url !== undefined) return { release: () => undefined };
  await makeFolder(config.data);
  await demandOwner(config);
  if (config.storage.driver === "memory") return { release: () => undefined };
  // Errors of these calls name the folder; SQLite's errors do not.
  await (await opendir(config.data)).close();
  await access(config.data, constants.W_OK);
  return lockFolder(config.data);
}

/**
 * Whether a server runs on the database of a command. On SQLite no server starts until the command ends, unless one runs
 * already.
 */
export async function createServedCheck(command: {
  readonly config: Config;
  readonly database: () => Promise<Pick<Database, "coordination">>;
  readonly onClose: (close: () => void) => void;
}): Promise<() => Promise<boolean>> {
  const { coordination } = await command.database();
  if (coordination !== undefined) return async () => (await coordination.listReplicas()).length > 0;
  const lock = lockUnlessServed(command.config);
  if (lock !== undefined) command.onClose(lock.release);
  return async () => lock === undefined;
}

/** Acquires the server lock, for a command that must exclude a running server; `undefined` if a server holds it. */
function lockUnlessServed(config: Config): FolderLock | undefined {
  try {
    return lockFolder(config.data);
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined;
    throw error;
  }
}

/**
 * Throws {@link OwnerError} if the registry in the data folder belongs to another user: files that root writes into the
 * folder of a service user prevent the start of that user's server.
 */
export async function demandOwner(config: Config): Promise<void> {
  const ours = process.getuid?.();
  if (ours === undefined) return;
  const owner = (await stat(databaseFile(config)).catch(() => undefined))?.uid;
  if (owner === undefined || owner === ours) return;
  // Some file systems give each file the same owner: there a new file has the owner of the existing files.
  if ((await ownerOfNewFile(config.data)) === owner) return;
  const [theirName, ourName] = [await userName(owner), await userName(ours)];
  throw new OwnerError(
    `${config.data} belongs to the user ${theirName}, and this is ${ourName}: ${theirName} could not read the files that ${ourName} writes. ` +
      `Run it as its owner: sudo -u '${theirName}' berth …`,
  );
}

async function ownerOfNewFile(folder: string): Promise<number | undefined> {
  try {
    const made = await mkdtemp(path.join(folder, ".owner-"));
    const { uid } = await stat(made);
    await rm(made, { recursive: true });
    return uid;
  } catch {
    return undefined;
  }
}

/** The name of the user in `/etc/passwd`; without an entry `#1000`, which sudo accepts too. */
async function userName(uid: number): Promise<string> {
  const users = await readFile("/etc/passwd", "utf8").catch(() => "");
  const fields = users.split("\n").map((line) => line.split(":"));
  return fields.find(([, , id]) => id === String(uid))?.[0] ?? `#${uid}`;
}
