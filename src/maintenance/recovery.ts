import { randomUUID } from "node:crypto";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import type { Clock } from "../registry/leases.ts";
import { markMissing, type Warnings } from "../registry/missing-blobs.ts";
import { describeFailure } from "../registry/failures.ts";
import { checkBlobSizes } from "../registry/blob-verification.ts";

/** The database and the store do not belong together, or the database is damaged: nothing may be touched. */
export class MismatchError extends Error {
  override readonly name = "MismatchError";
}

/**
 * Sees to it that the database speaks of this store. The store is marked first and the row follows, so that a start
 * that is cut off is finished by the next. Throws {@link MismatchError} where one has what the other does not know: a
 * volume that is not mounted must not look like blobs that are gone.
 */
export async function matchInstance(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "instance" | "catalog" | "maintenance" | "run">;
}): Promise<void> {
  const { store, database } = parts;
  const [row, mark] = await Promise.all([database.instance.get(), store.identity()]);
  if (row === undefined) {
    if (mark !== undefined && !(await isUntouched(parts)) && !(await knowsItsBlobs(parts))) {
      throw new MismatchError(
        "the blobs here belong to another database: restore that database, or start with an empty data folder",
      );
    }
    const id = mark ?? randomUUID();
    if (mark === undefined) await store.claim(id);
    await database.run("claimInstance", { id });
    return;
  }
  if (mark === undefined) {
    throw new MismatchError(
      "the blobs that the database speaks of are not here: is their volume mounted?",
    );
  }
  if (mark === movedMark(row.id)) {
    throw new MismatchError(
      'these blobs have been moved to another store by "berth storage copy": start with the storage keys of that store. ' +
        'To return, copy back from there with "berth storage copy"',
    );
  }
  if (mark !== row.id) {
    throw new MismatchError(
      `the database speaks of blobs marked ${row.id}, those here are marked ${mark}: they do not belong together`,
    );
  }
}

/** The mark of a store whose blobs have been moved away: newer rows speak of bytes that it does not have. */
export const movedMark = (id: string): string => `moved-away-from ${id}`;

/** Neither side holds anything: a first start was cut off between the mark and the row. */
async function isUntouched(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "catalog">;
}): Promise<boolean> {
  const { items } = await parts.database.catalog.list({ kind: "everything" }, { limit: 1 });
  if (items.length > 0) return false;
  for await (const _ of parts.store.list()) return false;
  return true;
}

/** The same on a folder from before marks: no key is ever used twice, so one blob that both know says that they match. */
async function knowsItsBlobs(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "maintenance">;
}): Promise<boolean> {
  const rows = await parts.database.maintenance.blobs({ after: 0, limit: lookedAt });
  const found = await Promise.all(rows.map(({ storageKey }) => parts.store.stat(storageKey)));
  return found.some((blob) => blob !== undefined);
}

const lookedAt = 16;

export interface Recovery {
  /** Blobs that were looked at, and those that were not whole and are out of sight now. */
  readonly checked: number;
  readonly quarantined: number;
}

/**
 * After a process that was cut off: the database is checked, and every blob since the last checkpoint is compared with
 * its file. Resolves with `undefined` after a clean stop. Throws {@link MismatchError} if the database is damaged.
 */
export async function recover(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "instance" | "maintenance" | "run">;
  readonly clock: Clock;
  readonly report: Warnings;
}): Promise<Recovery | undefined> {
  const { store, database, clock } = parts;
  const instance = await database.instance.get();
  try {
    await database.run("beginServing", undefined);
  } catch (error) {
    // Pulls, deletes and collections make room again, and they need a server.
    if (describeFailure(error)?.status !== 507) throw error;
    parts.report.warn(
      { err: error },
      "the disk is full: a crash of this process will not be noticed",
    );
  }
  if (instance === undefined || instance.cleanStop) return undefined;
  const damage = await database.maintenance.integrity(true);
  if (damage.length > 0) {
    throw new MismatchError(`the database is damaged: ${damage.slice(0, 3).join("; ")}`);
  }
  const startedAtMs = clock();
  let checked = 0;
  let quarantined = 0;
  const since = instance.checkpointedAtMs;
  for await (const found of checkBlobSizes({
    store,
    blobs: (page) => database.maintenance.blobsSince(since, page),
  })) {
    checked += 1;
    if (found.state === "whole") continue;
    await markMissing(parts, found.blob, `after a crash: ${found.state}`);
    quarantined += 1;
  }
  await database.run("checkpoint", { checkpointedAtMs: startedAtMs, cleanStop: false });
  return { checked, quarantined };
}
