import type { BlobKey, ByteRange } from "../blob-store.ts";
import type { Filled } from "./buffers.ts";

/** The bytes of a file or of one S3 response. */
export interface Source {
  readonly sizeBytes: number;
  /** The next bytes; `sizeBytes` in total. Rejects if the source has fewer or more bytes. */
  next(): Promise<Filled>;
  /** Closes the file or the connection. Bytes that the caller has not read are lost. */
  end(): void;
}

/** Opens exactly the bytes of the range. `undefined` if there is no such object. */
export type OpenSource = (key: BlobKey, range: ByteRange) => Promise<Source | undefined>;

/** Bytes that do not change until the reader releases them. */
export interface BorrowedBuffer {
  readonly bytes: Uint8Array;
  release(): void;
}

/** One read with several readers; see `reads.ts`. It ends when the last reader leaves. */
export interface SharedRead {
  /** Whether the object exists. */
  readonly opened: Promise<boolean>;
  /** Whether a reader at this position can join now: the byte is in memory or is the next byte to be read. */
  covers(position: number): boolean;
  /** Adds a reader at this position. */
  subscribe(position: number): Reader;
}

export interface Reader {
  /**
   * The bytes at a position. Waits for bytes that are not read yet. `undefined` if the bytes were already dropped, or
   * if the position is beyond the end.
   */
  at(position: number): Promise<BorrowedBuffer | undefined>;
  leave(): void;
}

/** The bytes that all shared reads hold in memory together. */
export interface ReadMemory {
  bytes: number;
}

const KiB = 1024;
const [mostOfAll, mostOfOne] = [32 * 1024 * KiB, 4 * 1024 * KiB];
/** The largest read from the source, and the largest segment, in bytes. */
const mostAtOnce = 1024 * KiB;
/**
 * The limits for waiting for slow readers: one pause is at most 50 ms. All pauses together are at most 10 % of the
 * duration of the read, plus 100 ms.
 */
const [longestPauseMs, pausePart, pauseMs] = [50, 0.1, 100];

/**
 * When hundreds of readers continue at the same moment, each gets a share of 48 MiB per chunk, but at least 128 KiB.
 */
const [mostTogether, leastEach] = [48 * 1024 * KiB, 128 * KiB];

interface Segment {
  readonly start: number;
  end: number;
  readonly filled: Filled;
}

export function createSharedRead(
  opening: Promise<Source | undefined>,
  range: ByteRange,
  memory: ReadMemory,
  onEnd: () => void,
): SharedRead {
  const segments: Segment[] = [];
  let frontier = range.start;
  /** The next position of each reader. */
  const readers = new Set<{ next: number }>();
  const begunAtMs = performance.now();
  let pausedMs = 0;
  let onMove: (() => void) | undefined;
  let source: Source | undefined;
  let failure: { readonly error: unknown } | undefined;
  let advancing: Promise<void> | undefined;

  const opened = opening.then((found) => {
    source = found;
    return found !== undefined;
  });
  opened.catch((error: unknown) => (failure = { error }));

  const drop = (): void => {
    const segment = segments.shift();
    if (segment === undefined) return;
    memory.bytes -= segment.end - segment.start;
    segment.filled.buffer.release();
  };
  const append = (filled: Filled): void => {
    const size = filled.to - filled.from;
    const last = segments.at(-1);
    const offset = last === undefined ? 0 : last.filled.from + last.end - last.start;
    if (last !== undefined && last.filled.buffer === filled.buffer && offset === filled.from) {
      last.end += size;
      filled.buffer.release();
    } else segments.push({ start: frontier, end: frontier + size, filled });
    frontier += size;
    memory.bytes += size;
    // Keep the last segment: a reader waits for it.
    while (segments.length > 1 && frontier - behind() > keepable()) drop();
  };
  const keepable = (): number => {
    // A new reader joins at the start of the range. After 4 MiB the start is dropped and no reader can join a single
    // reader, so old segments are dropped at once and the same few buffers are reused.
    if (readers.size === 1 && frontier - range.start > mostOfOne) return 0;
    return Math.min(mostOfOne, (mostOfAll - memory.bytes) / 4);
  };
  /** Whether the next read may drop bytes that a reader needs next. */
  const overtakes = (): boolean => {
    const gone = frontier - keepable() + 2 * mostAtOnce;
    return [...readers].some(({ next }) => next >= behind() && next < gone && next < frontier);
  };
  const waitForSlower = async (): Promise<void> => {
    const sinceMs = performance.now();
    const untilMs =
      sinceMs + Math.min(longestPauseMs, pauseMs + pausePart * (sinceMs - begunAtMs) - pausedMs);
    while (overtakes()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        onMove = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    pausedMs += performance.now() - sinceMs;
  };
  const advance = async (): Promise<void> => {
    try {
      if (overtakes()) await waitForSlower();
      append(await sourceOf().next());
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      advancing = undefined;
    }
  };
  const sourceOf = (): Source => {
    if (source === undefined) throw new Error("the object went while it was being read");
    return source;
  };
  const behind = (): number => segments[0]?.start ?? frontier;

  const at = async (position: number): Promise<BorrowedBuffer | undefined> => {
    await opened;
    for (;;) {
      if (position < behind() || position > range.end) return undefined;
      const found = segments.findLast((segment) => segment.start <= position);
      if (found !== undefined && position < found.end) {
        const { buffer, from } = found.filled;
        const start = from + position - found.start;
        const most = Math.max(leastEach, Math.floor(mostTogether / readers.size));
        buffer.keep();
        return {
          bytes: buffer.bytes.subarray(
            start,
            Math.min(start + most, from + found.end - found.start),
          ),
          release: () => buffer.release(),
        };
      }
      if (failure !== undefined) throw failure.error;
      await (advancing ??= advance());
    }
  };

  return {
    opened,
    covers: (position) =>
      failure === undefined && position >= behind() && position <= Math.min(frontier, range.end),
    subscribe(position) {
      const reader = { next: position };
      readers.add(reader);
      return {
        async at(asked) {
          reader.next = asked;
          onMove?.();
          const borrowed = await at(asked);
          reader.next += borrowed?.bytes.length ?? 0;
          return borrowed;
        },
        leave() {
          readers.delete(reader);
          onMove?.();
          if (readers.size > 0) return;
          while (segments.length > 0) drop();
          source?.end();
          onEnd();
        },
      };
    },
  };
}
