import { lineSpaceBytes } from "./state.ts";

/*
 * Memory for parts, with one limit for all uploads. An append acquires the buffer of a whole part before it reads from
 * its client, and releases the buffer when S3 has the part. An append with a buffer never waits for a second buffer to
 * fill the first one, so there is no deadlock. An append without a buffer does not read, so that TCP slows the client
 * down.
 *
 * A slow client would block a buffer. When an append waits, the pool asks the append that has been filling its buffer
 * for the longest time to save its bytes in the store and to acquire a buffer again: a slow writer costs a socket, not
 * memory.
 */

export interface PartBuffer {
  /** `lineSpaceBytes` bytes, then the part up to the size that `grow` requested. */
  readonly bytes: Buffer;
  /**
   * Enlarges the buffer to `partBytes` bytes of the part and keeps its content. Small uploads never use a whole part's
   * memory.
   */
  grow(partBytes: number): Buffer;
  /** A client no longer fills the buffer, S3 receives it: the pool does not ask for it. */
  sending(): void;
  release(): void;
}

export interface PartBuffers {
  /** Waits until memory is available. The pool calls `onWanted` at most once, while the buffer is being filled. */
  acquire(partSize: number, onWanted: () => void): Promise<PartBuffer>;
  /** The bytes that are held now; tests check that all are released. */
  heldBytes(): number;
}

interface Holder {
  readonly sinceMs: number;
  readonly onWanted: () => void;
}

/** The pool does not ask for a buffer that has been filling for less time than this. */
const undisturbedMs = 5_000;
const lookEveryMs = 500;
/** The initial size of a buffer. */
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
    // Buffers that S3 receives are not in `filling`: their release follows without a request.
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
      const size = lineSpaceBytes + partSize;
      await new Promise<void>((resolve) => {
        waiting.push({ size, admit: resolve });
        admitNext();
        if (waiting.length > 0)
          looking ??= setInterval(askTheSlowest, Math.min(lookEveryMs, quietMs)).unref();
      });
      const holder: Holder = { sinceMs: performance.now(), onWanted };
      filling.add(holder);
      let bytes = take(Math.min(size, lineSpaceBytes + firstBytes), size);
      let released = false;
      return {
        get bytes() {
          return bytes;
        },
        grow(partBytes) {
          if (lineSpaceBytes + partBytes <= bytes.length) return bytes;
          const small = bytes;
          bytes = take(lineSpaceBytes + partBytes > size / 8 ? size : size / 8, size);
          small.copy(bytes);
          return bytes;
        },
        sending: () => void filling.delete(holder),
        release() {
          if (released) return;
          released = true;
          filling.delete(holder);
          held -= size;
          // Keep some buffers for the next append; the garbage collector frees the rest.
          if (bytes.length === size && spare.length < sparesAtMost) spare.push(bytes);
          admitNext();
        },
      };
    },
    heldBytes: () => held,
  };
}
