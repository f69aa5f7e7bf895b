/**
 * The most recent bytes of a download, in memory. Readers that keep up need no disk access, and the first byte does not
 * wait for a disk write. Bytes in the window never change.
 */
export interface RecentBytes {
  push(bytes: Uint8Array): void;
  /** Returns the contiguous bytes from `at` on; `undefined` if they are not in the window. */
  from(at: number): Uint8Array | undefined;
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
export function openRecentBytes(mostBytes: number): RecentBytes & { close(): void } {
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
