import { randomFillSync } from "node:crypto";
import { existsSync, statfsSync, unlinkSync } from "node:fs";
import { open, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";

const MiB = 2 ** 20;
/**
 * Enough for a write-ahead log (4 MB until SQLite checkpoints it), its index, and the same growth of the database and
 * the pull counters.
 */
const reserveFileMiB = 16;
/** With less free space SQLite may fail to open its write-ahead log and the log's index. */
const startBytes = 4 * MiB;

/** A file beside the database without useful content; it is deleted when the disk is full. */
const reserveFileOf = (databaseFile: string): string =>
  path.join(path.dirname(databaseFile), "reserve");

/**
 * Deletes the reserve file, so that SQLite has space on a full disk for deletes, garbage collection and a start. Pushes
 * do not use this space: they are rejected while less than `storage.reserve` is free. False if there was no reserve
 * file.
 */
export function releaseReserveFile(databaseFile: string): boolean {
  try {
    unlinkSync(reserveFileOf(databaseFile));
    return true;
  } catch {
    return false;
  }
}

/** Calls {@link releaseReserveFile} before a database is opened, if less than 4 MiB is free. */
export function releaseReserveFileIfFull(databaseFile: string): void {
  if (!existsSync(reserveFileOf(databaseFile))) return;
  const { bavail, bsize } = statfsSync(path.dirname(databaseFile));
  if (bavail * bsize < startBytes) releaseReserveFile(databaseFile);
}

/** Creates the reserve file if it does not exist and twice its size is free. */
export async function keepReserveFile(databaseFile: string): Promise<void> {
  const file = reserveFileOf(databaseFile);
  if (existsSync(file)) return;
  const { bavail, bsize } = await statfs(path.dirname(databaseFile));
  if (bavail * bsize < 2 * reserveFileMiB * MiB) return;
  const unfinished = `${file}.new`;
  try {
    const handle = await open(unfinished, "w", 0o600);
    try {
      // Random bytes, since some file systems store no blocks for zeros.
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
