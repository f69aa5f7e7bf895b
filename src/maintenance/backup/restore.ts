import type { BlobStore } from "../../../storage/blob-store.ts";
import { inOrder } from "../../concurrency/in-order.ts";
import { pointInRestoreMark, restoreMark } from "../recovery.ts";
import { readBlobList, type BlobEntry } from "./blob-list.ts";
import type { BackupPoint } from "./point.ts";
import { BackupError, type BackupTarget } from "./target.ts";
import { createSizeThere, isEmpty, transferBlob } from "./transfer.ts";

const atOnce = 8;

/**
 * The state of a store before a restore: `new` = it is empty; `begun` = a restore of this point was interrupted;
 * `used` = it has the blobs of this registry, which `isKept` allows. Throws BackupError for every other store.
 */
export async function stateBeforeRestore(
  store: BlobStore,
  { instance, id }: BackupPoint,
  isKept: boolean,
): Promise<"new" | "begun" | "used"> {
  const mark = await store.identity();
  if (mark === restoreMark(instance, id)) return "begun";
  const other = pointInRestoreMark(mark);
  if (other !== undefined)
    throw new BackupError(
      `the restore of the point ${other} has not ended here: continue it with --point ${other}, or restore into an empty store`,
    );
  if (mark === undefined && (await isEmpty(store))) return "new";
  if (mark !== instance)
    throw new BackupError("the store has the blobs of another registry: restore into an empty one");
  if (isKept) return "used";
  throw new BackupError(
    "the store has the blobs of this registry: restore into an empty one, or keep its blobs with --keep-blobs",
  );
}

export interface RestoredBlobs {
  /** Copied by this run. */
  readonly copied: number;
  /** Blobs that the store had already. */
  readonly there: number;
  readonly bytes: number;
  /** The blobs of the database whose bytes are in no place: they must be marked as missing. */
  readonly missing: readonly BlobEntry[];
}

/** Copies the blobs of a point into a store that lacks them. Throws BackupError, and errors of the stores. */
export async function restoreBlobs(parts: {
  readonly from: BackupTarget;
  readonly to: BlobStore;
  readonly point: BackupPoint;
  readonly advance: (bytes: number) => void;
}): Promise<RestoredBlobs> {
  const { from, to, point, advance } = parts;
  const sizeThere = await createSizeThere(to);
  const missing: BlobEntry[] = [];
  let [copied, there, bytes] = [0, 0, 0];
  const results = inOrder(readBlobList(from, point.list), atOnce, async (entry) => {
    const { state, key, sizeBytes } = entry;
    if (state !== "kept" && (await sizeThere(key)) !== sizeBytes)
      return { blob: entry, state, by: undefined };
    const transferred = await transferBlob({ from: from.store, to, sizeThere }, entry);
    // The backup may be on a disk that is away for a moment: the next run continues.
    if (transferred.state === "unreadable") throw transferred.error;
    return transferred;
  });
  for await (const { blob, state, by } of results) {
    advance(blob.sizeBytes);
    if (state !== "kept") missing.push(blob);
    if (by === "copy") {
      copied += 1;
      bytes += blob.sizeBytes;
    }
    if (by === "earlier run") there += 1;
  }
  return { copied, there, bytes, missing };
}
