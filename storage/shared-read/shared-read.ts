import type { BlobKey, ByteRange } from "../blob-store.ts";
import type { Filled } from "./buffers.ts";

/** Bytes as they are read: of a file, or of one answer of S3. */
export interface Source {
  readonly sizeBytes: number;
  /** What comes next, exactly `sizeBytes` all together. Rejects if they end before, or go on. */
  next(): Promise<Filled>;
  /** Lets go of the file, or of the connection. Whatever has not been taken is lost. */
  end(): void;
}

/** Must have just as many bytes as the range. `undefined`: there is no such object. */
export type OpenSource = (key: BlobKey, range: ByteRange) => Promise<Source | undefined>;

/** Bytes that stay as they are until they are released. */
export interface BorrowedBuffer {
  readonly bytes: Uint8Array;
  release(): void;
}

/** One read that several readers look at; see `shared-reads.ts`. Ends when the last of them has left. */
export interface SharedRead {
  /** Whether there is such an object. */
  readonly opened: Promise<boolean>;
  /** Whether a reader that is there can go on with this read, and need not wait until it has come so far. */
  covers(position: number): boolean;
  /** A new reader who is there. */
  subscribe(position: number): Reader;
}

export interface Reader {
  /** What is there at a position, waited for if it is to come; `undefined` if it has gone by, or lies beyond the end. */
  at(position: number): Promise<BorrowedBuffer | undefined>;
  leave(): void;
}

/** What all shared reads keep of what they have read. */
export interface ReadMemory {
  bytes: number;
}

const KiB = 1024;
const [mostOfAll, mostOfOne] = [32 * 1024 * KiB, 4 * 1024 * KiB];
/** A read of the connection, and a segment, are not larger. */
const mostAtOnce = 1024 * KiB;
/**
 * For the sake of readers that would fall out, a read rests so long at once; altogether not longer than this part of its
 * time, and a little more.
 */
const [longestPauseMs, pausePart, pauseMs] = [50, 0.1, 100];

/** Hundreds who have waited for the same bytes go on at the same moment: each then takes little, for the others' sake. */
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
  /** Where each reader will ask next. */
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
    // The last one is what somebody waits for.
    while (segments.length > 1 && frontier - behind() > keepable()) drop();
  };
  const keepable = (): number => {
    // Behind a single reader nobody comes any more once its start is out of reach: the same few buffers serve it.
    if (readers.size === 1 && frontier - range.start > mostOfOne) return 0;
    return Math.min(mostOfOne, (mostOfAll - memory.bytes) / 4);
  };
  /** Whether to read on may take from somebody what comes next for them. */
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
