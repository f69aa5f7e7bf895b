import type { FileHandle } from "node:fs/promises";
import type { LentBytes } from "../blob-store.ts";

const KIB = 1024;
const largestChunk = 1024 * KIB;
const smallestChunk = 64 * KIB;
/** What all readers together may hold; each holds two chunks. */
const readerBudget = 64 * 1024 * KIB;

let readers = 0;

/** Large chunks while few read (fewer trips to the thread pool), small ones when many do (bounded memory). */
function chunkSize(): number {
  const fair =
    Math.floor(readerBudget / (2 * Math.max(readers, 1)) / smallestChunk) * smallestChunk;
  return Math.min(largestChunk, Math.max(smallestChunk, fair));
}

/**
 * Reads `[start, end]` of an open file and closes it. While one chunk is with the receiver, the next is being
 * read into the other of two buffers. Throws if the file ends before `end`.
 */
export async function* readRange(file: FileHandle, start: number, end: number): LentBytes {
  readers += 1;
  let next: Promise<Uint8Array> | undefined;
  try {
    const size = Math.min(chunkSize(), end - start + 1);
    let filling = Buffer.allocUnsafeSlow(size);
    let lent = end - start + 1 > size ? Buffer.allocUnsafeSlow(size) : filling;
    let position = start;
    next = readFully(file, filling, position, end);
    while (position <= end) {
      const chunk = await next;
      position += chunk.length;
      [filling, lent] = [lent, filling];
      if (position <= end) {
        next = readFully(file, filling, position, end);
        // A receiver that leaves while the read runs must not leave a rejection that nobody hears.
        next.catch(() => undefined);
      }
      yield chunk;
    }
  } finally {
    readers -= 1;
    await next?.catch(() => undefined);
    await file.close();
  }
}

async function readFully(
  file: FileHandle,
  buffer: Buffer,
  position: number,
  end: number,
): Promise<Uint8Array> {
  const wanted = Math.min(buffer.length, end - position + 1);
  let filled = 0;
  while (filled < wanted) {
    const { bytesRead } = await file.read(buffer, filled, wanted - filled, position + filled);
    if (bytesRead === 0)
      throw new Error(`the file ends at byte ${position + filled}, before byte ${end}`);
    filled += bytesRead;
  }
  return buffer.subarray(0, wanted);
}
