import type { BlobKey, ByteRange } from "../blob-store.ts";
import type { Filled } from "./read-buffers.ts";

/** The bytes of one answer of S3. */
export interface Source {
  readonly sizeBytes: number;
  /** What comes next, exactly `sizeBytes` all together. Rejects if the answer ends before, or with more. */
  next(): Promise<Filled>;
  /** Lets go of the connection. Whatever has not been taken is lost. */
  end(): void;
}

/** Must have just as many bytes as the range. `undefined`: there is no such object. */
export type OpenSource = (key: BlobKey, range: ByteRange) => Promise<Source | undefined>;

/** Bytes that stay as they are until they are released. */
export interface Lent {
  readonly bytes: Uint8Array;
  release(): void;
}

/** One read of S3 that several readers look at; see `shared-reads.ts`. Ends when the last of them has left. */
export interface Flight {
  /** Whether there is such an object. */
  readonly opened: Promise<boolean>;
  enter(): void;
  leave(): void;
  /** Whether a reader that is there can be given what comes next. */
  covers(position: number): boolean;
  /** What is there at a position, waited for if it is to come; `undefined` if it has gone by, or lies beyond the end. */
  at(position: number): Promise<Lent | undefined>;
}

/** What all flights keep of what they have read. */
export interface Kept {
  bytes: number;
}
const [mostOfAll, mostOfOne] = [32 * 1024 * 1024, 4 * 1024 * 1024];

interface Segment {
  readonly start: number;
  end: number;
  readonly filled: Filled;
}

export function createFlight(
  opening: Promise<Source | undefined>,
  range: ByteRange,
  kept: Kept,
  onEnd: () => void,
): Flight {
  const segments: Segment[] = [];
  let frontier = range.start;
  let readers = 0;
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
    kept.bytes -= segment.end - segment.start;
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
    kept.bytes += size;
    // The last one is what somebody waits for.
    const limit = Math.min(mostOfOne, (mostOfAll - kept.bytes) / 4);
    while (segments.length > 1 && frontier - (segments[0]?.start ?? 0) > limit) drop();
  };
  const advance = async (): Promise<void> => {
    try {
      append(await sourceOf().next());
    } catch (error) {
      failure = { error };
      throw error;
    } finally {
      advancing = undefined;
    }
  };
  const sourceOf = (): Source => {
    if (source === undefined) throw new Error("nothing was opened");
    return source;
  };
  const behind = (): number => segments[0]?.start ?? frontier;

  return {
    opened,
    enter() {
      readers += 1;
    },
    leave() {
      readers -= 1;
      if (readers > 0) return;
      while (segments.length > 0) drop();
      source?.end();
      onEnd();
    },
    covers: (position) => failure === undefined && position >= behind() && position <= range.end,
    async at(position) {
      await opened;
      for (;;) {
        if (position < behind() || position > range.end) return undefined;
        const found = segments.findLast((segment) => segment.start <= position);
        if (found !== undefined && position < found.end) {
          const { buffer, from } = found.filled;
          const at = from + position - found.start;
          buffer.keep();
          return {
            bytes: buffer.bytes.subarray(at, from + found.end - found.start),
            release: () => buffer.release(),
          };
        }
        if (failure !== undefined) throw failure.error;
        await (advancing ??= advance());
      }
    },
  };
}
