import { setTimeout as pause } from "node:timers/promises";
import type { BlobStore, ByteRange, BorrowedBytes } from "../../../storage/blob-store.ts";
import type { EventLoopScheduler } from "./event-loop-scheduler.ts";

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
  readonly recentBytes: Pick<RecentBytes, "from"> | undefined;
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
    if (bytes === undefined) throw new Error("the blob was deleted while a client read it");
    return bytes;
  }
  return store.capabilities.readsOpenUploads ? await store.openUpload(upload, start) : nothing();
}

async function* nothing(): BorrowedBytes {}

/**
 * A window of the most recent bytes of a download, in memory. Readers that keep up need no disk access, and the first
 * byte does not wait for a disk write. Bytes in the window never change.
 */
export interface RecentBytes {
  push(bytes: Uint8Array): void;
  /** Returns the contiguous bytes from `at` on; `undefined` if they are not in the window. */
  from(at: number): Uint8Array | undefined;
  close(): void;
}

/** Blocks join small chunks, so that hundreds of readers make fewer and larger socket writes. */
interface Block {
  readonly at: number;
  readonly bytes: Buffer;
  filled: number;
}

const KiB = 1024;
const budgetBytes = 64 * 1024 * KiB;
const [smallestBlock, largestBlock] = [64 * KiB, 1024 * KiB];
/** The trim functions of all open windows, which share 64 MB. */
const windows = new Set<() => void>();

/** @param mostBytes limit of this window; its share of the 64 MB may be smaller */
export function openRecentBytes(mostBytes: number): RecentBytes {
  let blocks: Block[] = [];
  let end = 0;
  let held = 0;

  const trim = (): void => {
    const limit = Math.min(mostBytes, budgetBytes / windows.size);
    while (held > limit && blocks.length > 1) held -= blocks.shift()?.bytes.length ?? 0;
  };
  windows.add(trim);
  for (const other of windows) other();

  /** The new block is as large as all bytes received so far, 64 KB to 1 MB: a small blob takes little memory. */
  const grow = (): Block => {
    const size = Math.min(largestBlock, Math.max(smallestBlock, end));
    const block = { at: end, bytes: Buffer.allocUnsafeSlow(size), filled: 0 };
    blocks.push(block);
    held += size;
    return block;
  };

  return {
    push(bytes) {
      for (let taken = 0; taken < bytes.length;) {
        const last = blocks.at(-1);
        const block = last !== undefined && last.filled < last.bytes.length ? last : grow();
        const part = bytes.subarray(taken, taken + block.bytes.length - block.filled);
        block.bytes.set(part, block.filled);
        block.filled += part.length;
        taken += part.length;
        end += part.length;
      }
      trim();
    },
    from(at) {
      const block = blocks.findLast((one) => one.at <= at);
      if (block === undefined || at >= end) return undefined;
      return block.bytes.subarray(at - block.at, block.filled);
    },
    close() {
      windows.delete(trim);
      blocks = [];
    },
  };
}
