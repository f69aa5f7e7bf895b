import path from "node:path";
import SqliteDatabase from "./driver.ts";

/** Another server uses the data folder. */
export class FolderInUseError extends Error {
  override readonly name = "FolderInUseError";
}

export interface FolderLock {
  readonly release: () => void;
}

const lockFile = "server.lock";
/** A killed server loses its lock with its process; this time is for a server that is about to exit. */
const waitMs = 1_000;

/**
 * Makes this process the only server of a data folder, until it releases the lock or exits for any reason. Node has no
 * `flock`, so the lock is an exclusive transaction that stays open on an empty SQLite database. It is a POSIX record
 * lock (https://www.sqlite.org/lockingv3.html), which the kernel releases when the process ends. The lock of the
 * primary process covers its worker processes.
 * @throws FolderInUseError if another server has it
 */
export function lockFolder(folder: string): FolderLock {
  const lock = tryLock(path.join(folder, lockFile));
  if (lock !== undefined) return lock;
  throw new FolderInUseError(
    `another Berth server runs on the folder ${folder}: stop it first, or give this one a folder of its own with --data`,
  );
}

/** Locks a file, which is created if it does not exist; `undefined` if another process has the lock. */
export function tryLock(file: string): FolderLock | undefined {
  const connection = new SqliteDatabase(file, { timeout: waitMs });
  try {
    // Nothing is written, not even a journal: the disk may be full.
    connection.pragma("journal_mode = MEMORY");
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection.close();
    const isBusy = error instanceof SqliteDatabase.SqliteError && error.code === "SQLITE_BUSY";
    if (!isBusy) throw error;
    return undefined;
  }
  return { release: () => void connection.close() };
}
