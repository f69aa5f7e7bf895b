import type { BlobKey, ByteRange, BorrowedBytes } from "../blob-store.ts";
import {
  createSharedRead,
  type SharedRead,
  type BorrowedBuffer,
  type Reader,
  type OpenSource,
} from "./shared-read.ts";

export interface SharedReads {
  /** Resolves when the first byte can be read; `undefined` if there is no such object. */
  open(key: BlobKey, range: ByteRange): Promise<BorrowedBytes | undefined>;
  /** Whether a read of it is under way. */
  isRead(key: BlobKey): boolean;
  /** Nobody joins the reads of it that are under way. */
  forget(key: BlobKey): void;
}

/**
 * Reads of the same bytes at about the same time are one read, as when many machines pull an image that is new. It
 * goes as fast as the fastest of its readers, and keeps a few megabytes behind it. Who falls out of these reads on by
 * itself, so that nobody waits for a slow client. Nothing is kept once its last reader has left.
 */
export function createSharedReads(openSource: OpenSource): SharedReads {
  const reads = new Map<BlobKey, Set<SharedRead>>();
  const memory = { bytes: 0 };

  const begin = (key: BlobKey, range: ByteRange): SharedRead => {
    const ofKey = reads.get(key) ?? new Set();
    reads.set(key, ofKey);
    const read = createSharedRead(openSource(key, range), range, memory, () => {
      ofKey.delete(read);
      if (ofKey.size === 0 && reads.get(key) === ofKey) reads.delete(key);
    });
    ofKey.add(read);
    return read;
  };
  const joinable = (key: BlobKey, position: number): SharedRead | undefined =>
    [...(reads.get(key) ?? [])].find((read) => read.covers(position));

  /** The caller is a reader of the shared read from now on. */
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
          // Whose read it was is told so. Who joined it has a try of their own, and only one.
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
  /** Begun for this reader, not joined. */
  readonly isOurs: boolean;
}
