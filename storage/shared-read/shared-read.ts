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
const maxBytesOfAll = 32 * 1024 * KiB;
const maxBytesOfOne = 4 * 1024 * KiB;
/** The largest read from the source, and the largest segment, in bytes. */
const maxBytesAtOnce = 1024 * KiB;
/**
 * The limits for waiting for slow readers: one pause is at most 50 ms. All pauses together are at most 10 % of the
 * duration of the read, plus 100 ms.
 */
const longestPauseMs = 50;
const pausesPart = 0.1;
const pausesMs = 100;

/**
 * When hundreds of readers continue at the same moment, each gets a share of 48 MiB per chunk, but at least 128 KiB.
 */
const maxBytesTogether = 48 * 1024 * KiB;
const minBytesEach = 128 * KiB;

/** One read with several readers; see `reads.ts`. It ends when the last reader leaves. */
export class SharedRead {
  /** Whether the object exists. */
  readonly opened: Promise<boolean>;
  readonly #range: ByteRange;
  readonly #recent: RecentBytes;
  readonly #onEnd: () => void;
  /** The next position of each reader. */
  readonly #readers = new Set<{ next: number }>();
  readonly #begunAtMs = performance.now();
  #pausedMs = 0;
  #onMove: (() => void) | undefined;
  #source: Source | undefined;
  #failure: { readonly error: unknown } | undefined;
  #advancing: Promise<void> | undefined;

  constructor(
    opening: Promise<Source | undefined>,
    range: ByteRange,
    memory: ReadMemory,
    onEnd: () => void,
  ) {
    this.#range = range;
    this.#recent = new RecentBytes(range.start, memory);
    this.#onEnd = onEnd;
    this.opened = opening.then((found) => {
      this.#source = found;
      return found !== undefined;
    });
    this.opened.catch((error: unknown) => (this.#failure = { error }));
  }

  /** Whether a reader at this position can join now: the byte is in memory or is the next byte to be read. */
  covers(position: number): boolean {
    return (
      this.#failure === undefined &&
      position >= this.#recent.start &&
      position <= Math.min(this.#recent.end, this.#range.end)
    );
  }

  /** Adds a reader at this position. */
  subscribe(position: number): Reader {
    const reader = { next: position };
    this.#readers.add(reader);
    return {
      at: async (asked) => {
        reader.next = asked;
        this.#onMove?.();
        const borrowed = await this.#at(asked);
        reader.next += borrowed?.bytes.length ?? 0;
        return borrowed;
      },
      leave: () => {
        this.#readers.delete(reader);
        this.#onMove?.();
        if (this.#readers.size > 0) return;
        this.#recent.clear();
        this.#source?.end();
        this.#onEnd();
      },
    };
  }

  async #at(position: number): Promise<BorrowedBuffer | undefined> {
    await this.opened;
    for (;;) {
      if (position < this.#recent.start || position > this.#range.end) return undefined;
      const maxBytes = Math.max(minBytesEach, Math.floor(maxBytesTogether / this.#readers.size));
      const borrowed = this.#recent.borrow(position, maxBytes);
      if (borrowed !== undefined) return borrowed;
      if (this.#failure !== undefined) throw this.#failure.error;
      await (this.#advancing ??= this.#advance());
    }
  }

  /** Reads the next bytes from the source. */
  async #advance(): Promise<void> {
    try {
      if (this.#overtakes()) await this.#waitForSlower();
      if (this.#source === undefined)
        throw new Error("the object was deleted while it was being read");
      this.#recent.append(await this.#source.next());
      this.#recent.trim(() => this.#keptBytes());
    } catch (error) {
      this.#failure = { error };
      throw error;
    } finally {
      this.#advancing = undefined;
    }
  }

  /** The bytes before the end that stay in memory. */
  #keptBytes(): number {
    // A new reader joins at the start of the range. After 4 MiB the start is dropped and no reader can join a single
    // reader, so old segments are dropped at once and the same few buffers are reused.
    if (this.#readers.size === 1 && this.#recent.end - this.#range.start > maxBytesOfOne) return 0;
    return Math.min(maxBytesOfOne, (maxBytesOfAll - this.#recent.memory.bytes) / 4);
  }

  /** Whether the next read may drop bytes that a reader needs next. */
  #overtakes(): boolean {
    const { start, end } = this.#recent;
    const gone = end - this.#keptBytes() + 2 * maxBytesAtOnce;
    return [...this.#readers].some(({ next }) => next >= start && next < gone && next < end);
  }

  async #waitForSlower(): Promise<void> {
    const sinceMs = performance.now();
    const leftOfAllMs = pausesMs + pausesPart * (sinceMs - this.#begunAtMs) - this.#pausedMs;
    const untilMs = sinceMs + Math.min(longestPauseMs, leftOfAllMs);
    while (this.#overtakes()) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#onMove = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#pausedMs += performance.now() - sinceMs;
  }
}

/** Contiguous bytes in one buffer. */
interface Segment {
  readonly start: number;
  end: number;
  readonly filled: Filled;
}

/** The bytes of the object from `start` up to `end`, which are in memory. */
class RecentBytes {
  readonly memory: ReadMemory;
  /** The position of the next byte from the source. */
  end: number;
  readonly #segments: Segment[] = [];

  constructor(start: number, memory: ReadMemory) {
    this.end = start;
    this.memory = memory;
  }

  get start(): number {
    return this.#segments[0]?.start ?? this.end;
  }

  append(filled: Filled): void {
    const size = filled.to - filled.from;
    const last = this.#segments.at(-1);
    const offset = last === undefined ? 0 : last.filled.from + last.end - last.start;
    if (last !== undefined && last.filled.buffer === filled.buffer && offset === filled.from) {
      last.end += size;
      filled.buffer.release();
    } else this.#segments.push({ start: this.end, end: this.end + size, filled });
    this.end += size;
    this.memory.bytes += size;
  }

  /** Drops the first segments while more than `keptBytes()` remain, but not the last one: a reader waits for it. */
  trim(keptBytes: () => number): void {
    while (this.#segments.length > 1 && this.end - this.start > keptBytes()) this.#drop();
  }

  clear(): void {
    while (this.#segments.length > 0) this.#drop();
  }

  /** At most `maxBytes` bytes from a position on; `undefined` if the byte is not in memory. */
  borrow(position: number, maxBytes: number): BorrowedBuffer | undefined {
    const found = this.#segments.findLast((segment) => segment.start <= position);
    if (found === undefined || position >= found.end) return undefined;
    const { buffer, from } = found.filled;
    const start = from + position - found.start;
    const end = Math.min(start + maxBytes, from + found.end - found.start);
    buffer.keep();
    return { bytes: buffer.bytes.subarray(start, end), release: () => buffer.release() };
  }

  #drop(): void {
    const segment = this.#segments.shift();
    if (segment === undefined) return;
    this.memory.bytes -= segment.end - segment.start;
    segment.filled.buffer.release();
  }
}
