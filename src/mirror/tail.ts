/**
 * The last bytes that have arrived of something, for readers that keep up: they need no disk, and the first byte need
 * not wait for one. Pieces are never changed once they are here.
 */
export interface Tail {
  push(piece: Uint8Array): void;
  /** Bytes from `at` on, as many as lie together; `undefined` if they are not here (any more). */
  from(at: number): Uint8Array | undefined;
}

const budgetBytes = 64 * 1024 * 1024;
/** Each open one, by what makes it as short as it must be among so many. */
const tails = new Set<() => void>();

/** @param mostBytes what it keeps at most, where others leave it as much */
export function openTail(mostBytes: number): Tail & { close(): void } {
  let pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let end = 0;
  let held = 0;

  const trim = (): void => {
    const limit = Math.min(mostBytes, budgetBytes / tails.size);
    while (held > limit && pieces.length > 1) held -= pieces.shift()?.bytes.length ?? 0;
  };
  tails.add(trim);
  for (const other of tails) other();

  return {
    push(bytes) {
      pieces.push({ at: end, bytes });
      end += bytes.length;
      held += bytes.length;
      trim();
    },
    from(at) {
      const first = pieces[0];
      if (first === undefined || at < first.at || at >= end) return undefined;
      let low = 0;
      let high = pieces.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((pieces[middle]?.at ?? 0) <= at) low = middle;
        else high = middle - 1;
      }
      const piece = pieces[low];
      return piece?.bytes.subarray(at - piece.at);
    },
    close() {
      tails.delete(trim);
      pieces = [];
    },
  };
}
