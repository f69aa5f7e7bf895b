import { headRoom } from "./state.ts";

/*
 * Memory for parts, one budget for all uploads: an append takes a whole part's buffer before it reads from its client,
 * and gives it back when S3 has the part. Who has a buffer never waits for another one to fill it, so nobody can be
 * stuck; who has none does not read, and the client's connection fills up.
 *
 * A slow client would keep a buffer from everybody else. When somebody waits, the one that has been filling for longest
 * is asked to put what it has into the store and to line up again: a slow writer costs a socket, not memory.
 */

export interface PartBuffer {
  /** `headRoom` bytes, then the part, or as much of it as has been asked for. */
  readonly bytes: Buffer;
  /** Room for so many bytes of the part; what is there stays. Small uploads never touch a whole part's memory. */
  grow(partBytes: number): Buffer;
  /** It is not being filled by a client any more, but on its way: no use in asking for it. */
  sending(): void;
  release(): void;
}

export interface PartBuffers {
  /** Waits until there is room. `onWanted` is called at most once, while the buffer is being filled. */
  acquire(partSize: number, onWanted: () => void): Promise<PartBuffer>;
  /** Bytes that are held now, for a test to see that all come back. */
  heldBytes(): number;
}

interface Holder {
  readonly sinceMs: number;
  readonly onWanted: () => void;
}

/** Who has been filling a buffer for less is left alone. */
const undisturbedMs = 5_000;
const lookEveryMs = 500;
/** What a buffer begins with. */
const firstBytes = 64 * 1024;
const sparesAtMost = 8;

export function createPartBuffers(
  budgetBytes: number,
  quietMs: number = undisturbedMs,
): PartBuffers {
  const filling = new Set<Holder>();
  const waiting: { readonly size: number; readonly admit: () => void }[] = [];
  const spare: Buffer[] = [];
  let held = 0;
  let looking: NodeJS.Timeout | undefined;

  const fits = (size: number): boolean => held === 0 || held + size <= budgetBytes;

  const admitNext = (): void => {
    for (let next = waiting[0]; next !== undefined && fits(next.size); next = waiting[0]) {
      waiting.shift();
      held += next.size;
      next.admit();
    }
    if (waiting.length > 0) return;
    clearInterval(looking);
    looking = undefined;
  };

  const askTheSlowest = (): void => {
    // What is on its way comes back by itself.
    const oldest = [...filling].reduce<Holder | undefined>(
      (first, holder) => (first === undefined || holder.sinceMs < first.sinceMs ? holder : first),
      undefined,
    );
    if (oldest === undefined || performance.now() - oldest.sinceMs < quietMs) return;
    filling.delete(oldest);
    oldest.onWanted();
  };

  const take = (size: number, full: number): Buffer => {
    if (size < full) return Buffer.allocUnsafeSlow(size);
    const known = spare.pop();
    return known?.length === full ? known : Buffer.allocUnsafeSlow(full);
  };

  return {
    async acquire(partSize, onWanted) {
      const size = headRoom + partSize;
      await new Promise<void>((resolve) => {
        waiting.push({ size, admit: resolve });
        admitNext();
        if (waiting.length > 0)
          looking ??= setInterval(askTheSlowest, Math.min(lookEveryMs, quietMs)).unref();
      });
      const holder: Holder = { sinceMs: performance.now(), onWanted };
      filling.add(holder);
      let bytes = take(Math.min(size, headRoom + firstBytes), size);
      let released = false;
      return {
        get bytes() {
          return bytes;
        },
        grow(partBytes) {
          if (headRoom + partBytes <= bytes.length) return bytes;
          const small = bytes;
          bytes = take(headRoom + partBytes > size / 8 ? size : size / 8, size);
          small.copy(bytes);
          return bytes;
        },
        sending: () => void filling.delete(holder),
        release() {
          if (released) return;
          released = true;
          filling.delete(holder);
          held -= size;
          // Some are kept for whoever comes next; the rest goes with the load.
          if (bytes.length === size && spare.length < sparesAtMost) spare.push(bytes);
          admitNext();
        },
      };
    },
    heldBytes: () => held,
  };
}
