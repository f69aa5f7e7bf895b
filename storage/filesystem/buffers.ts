const KIB = 1024;
const largestBufferBytes = 1024 * KIB;
/** What a reader gets when many read. It has only one then: while it waits for its receiver, others are served. */
export const mediumBufferBytes = 256 * KIB;
/** And when so many read that even these would be too much. */
const smallestBufferBytes = 64 * KIB;
/** A blob of less needs no more. */
const minBufferBytes = 16 * KIB;
/** What readers hold together, apart from modest buffers, which go on to twice that, and the smallest, refused to nobody. */
const budget = 48 * 1024 * KIB;
/** What is kept for the next reader instead of being left to the garbage collector. */
const spareBytesAtMost = 16 * 1024 * KIB;

const spare = new Map<number, Buffer[]>();
let spareBytes = 0;
let heldBytes = 0;

/**
 * A buffer for a reader that has `wantedBytes` to read: large while few read (fewer trips to the thread pool), small
 * when many do (bounded memory). Must be given back.
 */
export function takeBuffer(wantedBytes: number): Buffer {
  const floor = heldBytes < 2 * budget ? mediumBufferBytes : smallestBufferBytes;
  const share = Math.max(floor, Math.min(largestBufferBytes, (budget - heldBytes) / 16));
  // Sizes are powers of two, so that what one reader gives back fits the next.
  const size =
    2 ** Math.floor(Math.log2(Math.min(share, Math.max(minBufferBytes, roundUp(wantedBytes)))));
  heldBytes += size;
  const known = spare.get(size)?.pop();
  if (known === undefined) return Buffer.allocUnsafeSlow(size);
  spareBytes -= size;
  return known;
}

export function giveBack(buffer: Buffer): void {
  heldBytes -= buffer.length;
  if (spareBytes + buffer.length > spareBytesAtMost) return;
  spareBytes += buffer.length;
  const sameSize = spare.get(buffer.length);
  if (sameSize === undefined) spare.set(buffer.length, [buffer]);
  else sameSize.push(buffer);
}

const roundUp = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, bytes)));
