import { randomFillSync } from "node:crypto";
import { existsSync, statfsSync, unlinkSync } from "node:fs";
import { open, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";

const MiB = 2 ** 20;
/** Room for a write-ahead log (4 MB until SQLite empties it), its index, and as much growth of the database and the counts. */
const reserveFileMiB = 16;
/** With less than this SQLite cannot be trusted to open its write-ahead log and the index of it. */
const startBytes = 4 * MiB;

/** A file of no meaning beside the database, which is given up when the disk is full. */
const reserveFileOf = (databaseFile: string): string =>
  path.join(path.dirname(databaseFile), "reserve");

/**
 * Removes the reserve file, so that SQLite has room on a full disk for deletes, collections and a start. Pushes do not
 * use that room up, since they are refused while less than `storage.reserve` is free. False if there was none.
 */
export function releaseReserveFile(databaseFile: string): boolean {
  try {
    unlinkSync(reserveFileOf(databaseFile));
    return true;
  } catch {
    return false;
  }
}

/** {@link releaseReserveFile} before a database is opened, if the disk is full. */
export function releaseReserveFileIfFull(databaseFile: string): void {
  if (!existsSync(reserveFileOf(databaseFile))) return;
  const { bavail, bsize } = statfsSync(path.dirname(databaseFile));
  if (bavail * bsize < startBytes) releaseReserveFile(databaseFile);
}

/** Makes the reserve file if there is none, and twice its size is free. */
export async function keepReserveFile(databaseFile: string): Promise<void> {
  const file = reserveFileOf(databaseFile);
  if (existsSync(file)) return;
  const { bavail, bsize } = await statfs(path.dirname(databaseFile));
  if (bavail * bsize < 2 * reserveFileMiB * MiB) return;
  const unfinished = `${file}.new`;
  try {
    const handle = await open(unfinished, "w", 0o600);
    try {
      // Random, since some file systems store nothing for zeros.
      const content = randomFillSync(new Uint8Array(MiB));
      for (let written = 0; written < reserveFileMiB; written += 1) await handle.writeFile(content);
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
}
