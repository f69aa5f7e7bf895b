import type { FileHandle } from "node:fs/promises";
import type { BorrowedBytes } from "../blob-store.ts";

const KIB = 1024;
const largestBufferBytes = 1024 * KIB;
/**
 * The buffer size when many clients read. Each reader then has one buffer only: while its client receives the bytes,
 * the thread pool serves other readers.
 */
const mediumBufferBytes = 256 * KIB;
/** The buffer size when readers hold more than 96 MiB together. */
const smallestBufferBytes = 64 * KIB;
/** The smallest buffer, also for smaller blobs. */
const minBufferBytes = 16 * KIB;
/**
 * The limit for the buffers of all readers together. Above it readers get 256 KiB buffers, up to twice this limit, and
 * then 64 KiB buffers without a limit.
 */
const budget = 48 * 1024 * KIB;
/** The limit for unused buffers that are kept for the next reader. The garbage collector frees the others. */
const spareBytesAtMost = 16 * 1024 * KIB;

const spare = new Map<number, Buffer[]>();
let spareBytes = 0;
let heldBytes = 0;

/**
 * Reads `[start, end]` of an open file and closes the file. It reads the next chunk into a second buffer while the
 * receiver uses the first, unless many clients read. Throws if the file ends before `end`.
 */
export async function* readRange(file: FileHandle, start: number, end: number): BorrowedBytes {
  const buffers: Buffer[] = [];
  let next: Promise<Uint8Array> | undefined;
  try {
    let position = start;
    let filling = takeBuffer(end - start + 1);
    buffers.push(filling);
    let borrowed = filling;
    if (end - start + 1 > filling.length && filling.length > mediumBufferBytes) {
      borrowed = takeBuffer(filling.length);
      buffers.push(borrowed);
    }
    while (position <= end) {
      const chunk = await (next ?? readFully(file, filling, position, end));
      next = undefined;
      position += chunk.length;
      [filling, borrowed] = [borrowed, filling];
      if (position <= end && filling !== borrowed) {
        next = readFully(file, filling, position, end);
        // If the receiver leaves while the read runs, a rejection must not stay unhandled.
        next.catch(() => undefined);
      }
      yield chunk;
    }
  } finally {
    await next?.catch(() => undefined);
    for (const buffer of buffers) giveBack(buffer);
    await file.close();
  }
}

/** Reads an open file from byte `start` to its end, and closes the file. */
export async function readToEnd(file: FileHandle, start: number): Promise<BorrowedBytes> {
  try {
    const { size } = await file.stat();
    return readRange(file, start, size - 1);
  } catch (error) {
    await file.close();
    throw error;
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
    if (bytesRead === 0) {
      throw new Error(`the file ends at byte ${position + filled}, before byte ${end}`);
    }
    filled += bytesRead;
  }
  return buffer.subarray(0, wanted);
}

/**
 * A buffer for a reader of `wantedBytes` bytes: large when few clients read (fewer calls into the thread pool), small
 * when many clients read (bounded memory). The caller must return it with {@link giveBack}.
 */
function takeBuffer(wantedBytes: number): Buffer {
  const least = heldBytes < 2 * budget ? mediumBufferBytes : smallestBufferBytes;
  const share = Math.max(least, Math.min(largestBufferBytes, (budget - heldBytes) / 16));
  // Sizes are powers of two, so that another reader can reuse a returned buffer.
  const size =
    2 ** Math.floor(Math.log2(Math.min(share, Math.max(minBufferBytes, roundUp(wantedBytes)))));
  heldBytes += size;
  const known = spare.get(size)?.pop();
  if (known === undefined) return Buffer.allocUnsafeSlow(size);
  spareBytes -= size;
  return known;
}

function giveBack(buffer: Buffer): void {
  heldBytes -= buffer.length;
  if (spareBytes + buffer.length > spareBytesAtMost) return;
  spareBytes += buffer.length;
  const sameSize = spare.get(buffer.length);
  if (sameSize === undefined) spare.set(buffer.length, [buffer]);
  else sameSize.push(buffer);
}

const roundUp = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, bytes)));
