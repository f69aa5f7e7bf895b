import { constants, existsSync } from "node:fs";
import { access, mkdtemp, opendir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Config } from "../config/schema.ts";
import { openSqliteDatabase, type Database } from "../database/database.ts";
import { FolderInUseError, lockFolder, type FolderLock } from "../database/sqlite/folder-lock.ts";
import { matchInstance } from "../maintenance/recovery.ts";
import { databaseFile, makeFolder, NoRegistryError, openStore } from "./stores.ts";

export interface DataFolder {
  readonly store: BlobStore;
  readonly database: Database;
  readonly close: () => Promise<void>;
}

/**
 * Opens the registry in the data folder, also while a server runs on it. Throws {@link NoRegistryError}, and
 * MismatchError if database and store have different ids.
 */
export async function openDataFolder(config: Config): Promise<DataFolder> {
  const file = databaseFile(config);
  if (!existsSync(file)) throw new NoRegistryError(`there is no registry in ${config.data}`);
  const store = await openStore(config);
  const database = await openSqliteDatabase(file);
  const close = async (): Promise<void> => {
    await database.close();
    await store.close();
  };
  try {
    await matchInstance({ store, database });
  } catch (error) {
    await close();
    throw error;
  }
  return { store, database, close };
}

/** This process would write files into the data folder that the owner of the folder cannot read. */
export class OwnerError extends Error {
  override readonly name = "OwnerError";
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
  const name = await userName(owner);
  throw new OwnerError(
    `${config.data} belongs to the user ${name}, and this is ${await userName(ours)}, who would leave files that ${name} cannot read. ` +
      `Run it as its owner: sudo -u '${name}' berth …`,
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

/**
 * Prepares the data folder before a server opens it: creates the folder if it is missing, checks its owner, and locks
 * it against a second server. With blobs in memory each process has its own database and needs no lock.
 * @throws OwnerError, FolderInUseError
 */
export async function lockDataFolder(config: Config): Promise<FolderLock> {
  await makeFolder(config.data);
  await demandOwner(config);
  if (config.storage.driver === "memory") return { release: () => undefined };
  // Errors of these calls name the folder; SQLite's errors do not.
  await (await opendir(config.data)).close();
  await access(config.data, constants.W_OK);
  return lockFolder(config.data);
}

/** Acquires the server lock, for a command that must exclude a running server; `undefined` if a server holds it. */
export function lockUnlessServed(config: Config): FolderLock | undefined {
  try {
    return lockFolder(config.data);
  } catch (error) {
    if (error instanceof FolderInUseError) return undefined;
    throw error;
  }
}
