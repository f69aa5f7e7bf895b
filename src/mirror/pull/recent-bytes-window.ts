/**
 * The last bytes that have arrived of something, for readers that keep up: they need no disk, and the first byte need
 * not wait for one. Bytes are never changed once they are here.
 */
export interface RecentBytes {
  push(bytes: Uint8Array): void;
  /** Bytes from `at` on, as many as lie together; `undefined` if they are not here (any more). */
  from(at: number): Uint8Array | undefined;
}

/** What has arrived in small pieces lies together, so that hundreds of readers have fewer and larger writes to do. */
interface Block {
  readonly at: number;
  readonly bytes: Buffer;
  filled: number;
}

const KiB = 1024;
const budgetBytes = 64 * 1024 * KiB;
const [smallestBlock, largestBlock] = [64 * KiB, 1024 * KiB];
/** Each open one, by what makes it as short as it must be among so many. */
const windows = new Set<() => void>();

/** @param mostBytes what it keeps at most, where others leave it as much */
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

  /** As large as all that has come before, within limits: a small blob takes little. */
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
