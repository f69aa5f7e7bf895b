const KIB = 1024;
const largest = 1024 * KIB;
const smallest = 64 * KIB;
/** What readers hold together, apart from the smallest buffers, which nobody is refused. */
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
  const share = Math.max(smallest, Math.min(largest, (budget - heldBytes) / 16));
  // Sizes are powers of two, so that what one reader gives back fits the next.
  const size =
    2 ** Math.floor(Math.log2(Math.min(share, Math.max(smallest, roundUp(wantedBytes)))));
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
