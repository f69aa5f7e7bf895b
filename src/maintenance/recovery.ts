import { randomUUID } from "node:crypto";
import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { Clock } from "../registry/leases.ts";
import { checkBlobSizes, markMissing, type Warnings } from "../registry/blob-verification.ts";
import { describeFailure } from "../registry/errors.ts";

/** The database and the store do not belong together, or the database is damaged: the process must not change them. */
export class MismatchError extends Error {
  override readonly name = "MismatchError";
}

/**
 * Checks that the database and the store belong together, and marks both at the first start. The store is marked before
 * the row is written, so that the next start completes an interrupted one. Throws {@link MismatchError} if the marks
 * differ or one is missing, except after an interrupted first start: an unmounted volume must not look like lost blobs.
 */
export async function matchInstance(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "instance" | "catalog" | "maintenance" | "commands">;
}): Promise<void> {
  const { store, database } = parts;
  const [row, mark] = await Promise.all([database.instance.get(), store.identity()]);
  const point = pointInRestoreMark(mark);
  if (point !== undefined) {
    throw new MismatchError(
      `a restore of these blobs has not ended: run "berth restore" with --point ${point} again, which continues it`,
    );
  }
  if (isBackupMark(mark)) {
    throw new MismatchError(
      'the store has the blobs of a backup: "berth restore" makes a registry of it in another place',
    );
  }
  if (row === undefined) {
    if (mark !== undefined && !(await isUntouched(parts)) && !(await knowsItsBlobs(parts))) {
      throw new MismatchError(
        "the blobs in the store belong to another database: restore that database, or start with an empty data folder",
      );
    }
    const id = mark ?? randomUUID();
    if (mark === undefined) await store.claim(id);
    await database.commands.claimInstance({ id });
    return;
  }
  if (mark === undefined) {
    throw new MismatchError(
      "the store has no blobs of this database: check that its volume is mounted, or restore a backup",
    );
  }
  if (mark === movedMark(row.id)) {
    throw new MismatchError(
      'these blobs have been moved to another store by "berth storage copy": start with the storage keys of that store. ' +
        'To return, copy back from there with "berth storage copy"',
    );
  }
  if (row.id === movedMark(mark)) {
    throw new MismatchError(
      'this database has been copied to another one by "berth database copy": start with the configuration of that one. ' +
        "To return, copy it back into an empty database",
    );
  }
  if (mark !== row.id) {
    throw new MismatchError(
      `the database has the id ${row.id}, but the store has the id ${mark}: they do not belong together; restore both from one backup`,
    );
  }
}

/**
 * The mark of a store whose blobs were copied to another store: newer rows name blobs that it does not have. A database
 * whose rows were copied has this id, because its collector would delete the blobs of newer rows.
 */
export const movedMark = (id: string): string => `moved-away-from ${id}`;

/**
 * The mark of a store while a point of a backup is restored into it: no server starts on a part of the blobs, and only the
 * same point continues the restore.
 */
export const restoreMark = (instance: string, point: string): string =>
  `${restoring}${instance} ${point}`;

const restoring = "being-restored ";

/** The point whose restore into the store has not ended. */
export const pointInRestoreMark = (mark: string | undefined): string | undefined =>
  mark?.startsWith(restoring) === true ? mark.split(" ").at(-1) : undefined;

/** The mark of the store of a backup: no server starts on it, and a store of a registry does not become a backup. */
export const backupMark = (instance: string): string => `${backedUp}${instance}`;

const backedUp = "backup-of ";

export const isBackupMark = (mark: string | undefined): boolean =>
  mark?.startsWith(backedUp) === true;

/** True if database and store are both empty: the first start was interrupted between the mark and the row. */
async function isUntouched(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "catalog">;
}): Promise<boolean> {
  const { items } = await parts.database.catalog.list({ kind: "everything" }, { limit: 1 });
  if (items.length > 0) return false;
  for await (const _ of parts.store.list()) return false;
  return true;
}

/**
 * The interrupted start in a data folder that is older than the marks. No key is used twice, so one blob that database
 * and store both have proves that they belong together.
 */
async function knowsItsBlobs(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "maintenance">;
}): Promise<boolean> {
  const rows = await parts.database.maintenance.blobs({ after: 0, limit: lookedAt });
  const found = await Promise.all(rows.map(({ storageKey }) => parts.store.stat(storageKey)));
  return found.some((blob) => blob !== undefined);
}

const lookedAt = 16;

interface Recovery {
  /** The number of checked blobs. `quarantined` counts the incomplete ones, which are now marked as missing. */
  readonly checked: number;
  readonly quarantined: number;
}

/**
 * Recovers after a process that did not stop cleanly: checks the database, and compares every blob since the last
 * checkpoint with its file. Resolves with `undefined` after a clean stop. Throws {@link MismatchError} if the database
 * is damaged.
 */
export async function recover(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "instance" | "integrity" | "maintenance" | "commands">;
  readonly clock: Clock;
  readonly report: Warnings;
}): Promise<Recovery | undefined> {
  const { store, database, clock } = parts;
  const instance = await database.instance.get();
  try {
    await database.commands.beginServing();
  } catch (error) {
    // Start anyway: pulls continue, and deletes and collections, which free space, need a running server.
    if (describeFailure(error)?.status !== 507) throw error;
    parts.report.warn(
      { err: error },
      "the disk is full: if this process crashes, the next start will not check the blobs",
    );
  }
  if (instance === undefined || instance.cleanStop) return undefined;
  const damage = await database.integrity(true);
  if (damage.length > 0) {
    throw new MismatchError(
      `the database is damaged; restore a backup. SQLite says: ${damage.slice(0, 3).join("; ")}`,
    );
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
  await database.commands.checkpoint({ checkpointedAtMs: startedAtMs, cleanStop: false });
  return { checked, quarantined };
}
