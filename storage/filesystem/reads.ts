import type { FileHandle } from "node:fs/promises";
import type { BlobKey, ByteRange, BorrowedBytes } from "../blob-store.ts";
import { createReadBuffers, type ReadBuffers } from "../shared-read/buffers.ts";
import type { Source } from "../shared-read/shared-read.ts";
import { createSharedReads } from "../shared-read/reads.ts";
import { readRange } from "./read-file.ts";

export interface FileReads {
  /** The bytes of a range; `undefined` if there is no such blob. */
  open(key: BlobKey, range: ByteRange): Promise<BorrowedBytes | undefined>;
  /** The blob is deleted: new readers do not join its reads. */
  forget(key: BlobKey): void;
}

/** Smaller ranges are not shared: each reader reads them itself. */
const sharedFromBytes = 256 * 1024;
const smallBufferBytes = 64 * 1024;

/**
 * Reads blobs. The first reader of a blob reads alone with two buffers of its own, which is fastest. Readers that
 * arrive while it runs share one read (`shared-read/reads.ts`): the kernel copies the bytes for a hundred concurrent
 * clients out of the page cache once.
 */
export function createFileReads(
  openFile: (key: BlobKey) => Promise<FileHandle | undefined>,
): FileReads {
  const buffers = createReadBuffers(smallBufferBytes);
  const shared = createSharedReads(async (key, range) => {
    const file = await openFile(key);
    return file && openSource(file, range, buffers);
  });
  const alone = new Set<BlobKey>();

  async function* readAlone(
    key: BlobKey,
    file: FileHandle,
    { start, end }: ByteRange,
  ): BorrowedBytes {
    try {
      yield* readRange(file, start, end);
    } finally {
      alone.delete(key);
    }
  }

  return {
    async open(key, range) {
      if (range.end - range.start < sharedFromBytes) {
        const file = await openFile(key);
        return file && readRange(file, range.start, range.end);
      }
      if (alone.has(key) || shared.isRead(key)) return await shared.open(key, range);
      alone.add(key);
      let file: FileHandle | undefined;
      try {
        file = await openFile(key);
      } finally {
        if (file === undefined) alone.delete(key);
      }
      return file && readAlone(key, file, range);
    },
    forget: (key) => shared.forget(key),
  };
}

/** A range of an open file. `end` closes the file. Rejects if the file is shorter than the range. */
function openSource(file: FileHandle, { start, end }: ByteRange, buffers: ReadBuffers): Source {
  let position = start;
  let reading: Promise<unknown> = Promise.resolve();
  return {
    sizeBytes: end - start + 1,
    async next() {
      const buffer = buffers.take();
      try {
        const wanted = Math.min(buffer.bytes.length, end - position + 1);
        const read = file.read(buffer.bytes, 0, wanted, position);
        reading = read.catch(() => undefined);
        const { bytesRead } = await read;
        if (bytesRead === 0)
          throw new Error(`the file ends at byte ${position}, before byte ${end}`);
        position += bytesRead;
        return { buffer, from: 0, to: bytesRead };
      } catch (error) {
        buffer.release();
        throw error;
      }
    },
    end: () => void reading.then(() => file.close()).catch(() => undefined),
  };
}
