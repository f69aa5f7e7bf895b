import type { BlobKey } from "../../../storage/blob-store.ts";
import { readBlobList } from "./blob-list.ts";
import { listPoints, readPoint, type BackupPoint } from "./point.ts";
import type { BackupTarget } from "./target.ts";

export interface PrunedBackup {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly deletedBlobs: number;
  readonly deletedBytes: number;
}

/**
 * Removes the oldest points of a backup, and the blobs that no other point needs. Keeps the newest `keep` points that lack
 * no blob, and all that are newer than those. Changes nothing if a point that stays, or its list, cannot be read.
 * The caller has the lock. Throws BackupError.
 */
export async function pruneBackup(
  target: BackupTarget,
  keep: number,
  signal: AbortSignal,
): Promise<PrunedBackup> {
  const ids = await listPoints(target);
  const kept: BackupPoint[] = [];
  for (const id of ids) {
    if (kept.filter(({ lost }) => lost === 0).length === keep) break;
    kept.push(await readPoint(target, id));
  }
  const needed = await keysOf(target, kept);
  const removed = ids.slice(kept.length);
  // The points first: a point never lacks a blob.
  for (const id of removed) {
    signal.throwIfAborted();
    await target.points.remove(id);
  }
  let [deletedBlobs, deletedBytes] = [0, 0];
  for await (const { key, sizeBytes } of target.store.list()) {
    if (needed.has(key)) continue;
    signal.throwIfAborted();
    await target.store.delete(key);
    deletedBlobs += 1;
    deletedBytes += sizeBytes;
  }
  return { removed, kept: kept.map(({ id }) => id), deletedBlobs, deletedBytes };
}

async function keysOf(
  target: BackupTarget,
  points: readonly BackupPoint[],
): Promise<ReadonlySet<BlobKey>> {
  const keys = new Set<BlobKey>();
  for (const { database, pullCounters, list } of points) {
    for (const part of [database, pullCounters, list]) if (part !== null) keys.add(part.key);
    for await (const { key } of readBlobList(target, list)) keys.add(key);
  }
  return keys;
}
