import type { BlobKey, ByteRange, BorrowedBytes } from "../blob-store.ts";
import { SharedRead, type BorrowedBuffer, type OpenSource, type Reader } from "./shared-read.ts";

export interface SharedReads {
  /** Resolves when the first byte is readable; `undefined` if there is no such object. */
  open(key: BlobKey, range: ByteRange): Promise<BorrowedBytes | undefined>;
  /** Whether a shared read of the object is active. */
  isRead(key: BlobKey): boolean;
  /** New readers do not join the active reads of the object. */
  forget(key: BlobKey): void;
}

/**
 * Combines concurrent reads of the same bytes into one read, for example when many machines pull a new image. The read
 * advances at the speed of its fastest reader and keeps at most 4 MiB behind that reader. A reader that falls further
 * behind continues with another read: a slow client delays the others only by the short pauses in `shared-read.ts`. The
 * read frees its memory when its last reader leaves.
 */
export function createSharedReads(openSource: OpenSource): SharedReads {
  const reads = new Map<BlobKey, Set<SharedRead>>();
  const memory = { bytes: 0 };

  const begin = (key: BlobKey, range: ByteRange): SharedRead => {
    const ofKey = reads.get(key) ?? new Set();
    reads.set(key, ofKey);
    const read = new SharedRead(openSource(key, range), range, memory, () => {
      ofKey.delete(read);
      if (ofKey.size === 0 && reads.get(key) === ofKey) reads.delete(key);
    });
    ofKey.add(read);
    return read;
  };
  const joinable = (key: BlobKey, position: number): SharedRead | undefined =>
    [...(reads.get(key) ?? [])].find((read) => read.covers(position));

  /** Adds the caller as a reader of the shared read. */
  const subscribe = (key: BlobKey, range: ByteRange, mayJoin: boolean): Subscription => {
    const known = mayJoin ? joinable(key, range.start) : undefined;
    const read = known ?? begin(key, range);
    return { read, reader: read.subscribe(range.start), isOurs: known === undefined };
  };

  async function* readBytes(
    key: BlobKey,
    { start, end }: ByteRange,
    first: Subscription,
  ): BorrowedBytes {
    let { reader, isOurs } = first;
    let position = start;
    try {
      while (position <= end) {
        let borrowed: BorrowedBuffer | undefined;
        let mayJoin = true;
        try {
          borrowed = await reader.at(position);
        } catch (error) {
          if (isOurs) throw error;
          // The reader that began the read gets its error. A reader that joined it retries once, with a read of its
          // own.
          mayJoin = false;
        }
        if (borrowed === undefined) {
          reader.leave();
          ({ reader, isOurs } = subscribe(key, { start: position, end }, mayJoin));
          continue;
        }
        const bytes = borrowed.bytes.subarray(0, end + 1 - position);
        position += bytes.length;
        try {
          yield bytes;
        } finally {
          borrowed.release();
        }
      }
    } finally {
      reader.leave();
    }
  }

  return {
    async open(key, range) {
      const subscription = subscribe(key, range, true);
      let isThere = false;
      try {
        isThere = await subscription.read.opened;
      } finally {
        if (!isThere) subscription.reader.leave();
      }
      return isThere ? readBytes(key, range, subscription) : undefined;
    },
    isRead: (key) => reads.has(key),
    forget: (key) => void reads.delete(key),
  };
}

interface Subscription {
  readonly read: SharedRead;
  readonly reader: Reader;
  /** True if this reader began the read, false if it joined. */
  readonly isOurs: boolean;
}
