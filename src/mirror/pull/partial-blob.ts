import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore, ByteRange, BorrowedBytes } from "../../../storage/blob-store.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import type { RecentBytes } from "./recent-bytes-window.ts";

/** A blob whose download runs, as its readers see it. */
export interface PartialBlob {
  /** The upload in the store that receives the bytes. */
  readonly upload: string;
  /** The storage key, once the blob is stored. */
  readonly storageKey: string | undefined;
  /**
   * Bytes that a client may receive: all received bytes, but not the last byte of the blob before its digest is
   * verified.
   */
  readonly availableBytes: number;
  /** Resolves when `availableBytes > at` or the blob has a storage key; rejects if the download fails. */
  until(at: number): Promise<void>;
  readonly recentBytes: RecentBytes | undefined;
}

const lookAgainMs = 20;

/**
 * Reads a range of a partial blob: recent bytes from memory, older bytes from the store, later bytes when they arrive.
 * The yielded buffers are borrowed, like those of the store.
 */
export async function* readPartialBlob(
  store: BlobStore,
  partialBlob: PartialBlob,
  range: ByteRange,
  scheduler: Pick<EventLoopScheduler, "yieldIfBusy">,
): BorrowedBytes {
  let at = range.start;
  while (at <= range.end) {
    await partialBlob.until(at);
    const piece = partialBlob.recentBytes?.from(at);
    const end = Math.min(partialBlob.availableBytes - 1, range.end);
    if (piece !== undefined && end >= at) {
      const part = piece.subarray(0, end - at + 1);
      at += part.length;
      yield part;
      await scheduler.yieldIfBusy();
      continue;
    }
    const before = at;
    for await (const chunk of await openAt(store, partialBlob, at, range.end)) {
      const part = chunk.subarray(0, Math.min(partialBlob.availableBytes - 1, range.end) - at + 1);
      at += part.length;
      if (part.length > 0) yield part;
      if (part.length < chunk.length) break;
    }
    // The bytes are not written yet, or the store is moving the upload to the blob.
    if (at === before) await pause(lookAgainMs);
  }
}

async function openAt(
  store: BlobStore,
  { storageKey, upload }: PartialBlob,
  start: number,
  end: number,
): Promise<BorrowedBytes> {
  if (storageKey !== undefined) {
    const bytes = await store.open(storageKey, { start, end });
    if (bytes === undefined) throw new Error("the blob has gone while it was being read");
    return bytes;
  }
  return store.capabilities.readsOpenUploads ? await store.openUpload(upload, start) : nothing();
}

async function* nothing(): BorrowedBytes {}
