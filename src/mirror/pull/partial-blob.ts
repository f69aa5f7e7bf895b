import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore, ByteRange, BorrowedBytes } from "../../../storage/blob-store.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";
import type { RecentBytes } from "./recent-bytes-window.ts";

/** A blob on its way in, as its readers see it. */
export interface PartialBlob {
  /** Where the bytes gather in the store. */
  readonly upload: string;
  /** Where the whole blob lies, once it does. */
  readonly storageKey: string | undefined;
  /** Bytes that may be given to a client: all but the last one until all of them have been verified. */
  readonly availableBytes: number;
  /** Resolves when there is more than `at`, or the blob has its key; rejects if it never comes. */
  until(at: number): Promise<void>;
  readonly recentBytes: RecentBytes | undefined;
}

const lookAgainMs = 20;

/**
 * Reads a part of a blob while it grows: what has just arrived from memory, what lies further back from the store, and
 * the rest when it comes. The bytes are borrowed, as those of the store are.
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
    // Not written yet, or on its way from upload to blob.
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
