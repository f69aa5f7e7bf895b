const KIB = 1024;
const largestBufferBytes = 1024 * KIB;
/**
 * The buffer size when many clients read. Each reader then has one buffer only: while its client receives the bytes,
 * the thread pool serves other readers.
 */
export const mediumBufferBytes = 256 * KIB;
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
 * A buffer for a reader of `wantedBytes` bytes: large when few clients read (fewer calls into the thread pool), small
 * when many clients read (bounded memory). The caller must return it with {@link giveBack}.
 */
export function takeBuffer(wantedBytes: number): Buffer {
  const floor = heldBytes < 2 * budget ? mediumBufferBytes : smallestBufferBytes;
  const share = Math.max(floor, Math.min(largestBufferBytes, (budget - heldBytes) / 16));
  // Sizes are powers of two, so that another reader can reuse a returned buffer.
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
