import type { FileHandle } from "node:fs/promises";
import type { ByteSource } from "../blob-store.ts";

const KIB = 1024;
/** The limit for the chunks that all writers together hold in memory while a write is running. */
const writerBudget = 16 * 1024 * KIB;

/** A writer starts a flush in parallel after this many unflushed bytes, so that the final flush is short. */
const flushEveryBytes = 8 * 1024 * KIB;
/** Flushes use threads of Node's thread pool, which readers need too. */
const flushesAtMost = 2;

let writers = 0;
let flushes = 0;

/**
 * The bytes that one writer may queue before it stops its source. With few writers the limit is high, so that one
 * system call writes many chunks.
 */
function waitingLimit(): number {
  return Math.min(1024 * KIB, Math.max(64 * KIB, writerBudget / writers));
}

/** A flush has failed: earlier writes may be lost, even if a later flush succeeds. */
export class FlushError extends Error {
  override readonly name = "FlushError";
  /** The code that Node set: EIO, ENOSPC, … */
  readonly code: string | undefined;

  constructor(cause: unknown) {
    super("the uploaded bytes could not be flushed to the disk: send them again", { cause });
    this.code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  }
}

/**
 * Writes a source into an open file from `position` on. While one write runs, the next chunks are queued, and one call
 * writes them together. `demand` gets the number of bytes before each call; it throws to reject the write. Resolves
 * with the position after the last byte. If the source throws, the bytes before the error are written, and the error is
 * thrown. Throws {@link FlushError} if a flush failed and the file must not be used any more.
 */
export async function writeFrom(
  file: FileHandle,
  position: number,
  source: ByteSource,
  demand: (bytes: number) => Promise<void> | undefined,
): Promise<number> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let end = position;
  let running: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  let flushed = position;
  let flushing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    flushes += 1;
    flushed = end;
    try {
      await file.datasync();
    } catch (cause) {
      failure = { error: new FlushError(cause) };
    } finally {
      flushes -= 1;
      flushing = undefined;
    }
  };

  const write = async (): Promise<void> => {
    const batch = waiting;
    const batchBytes = waitingBytes;
    waiting = [];
    waitingBytes = 0;
    try {
      const checked = demand(batchBytes);
      if (checked !== undefined) await checked;
      end += await writeAll(file, batch, end);
      if (end - flushed >= flushEveryBytes && flushing === undefined && flushes < flushesAtMost)
        flushing = flush();
    } catch (error) {
      failure = { error };
    } finally {
      running = undefined;
    }
  };

  writers += 1;
  try {
    for await (const chunk of source) {
      if (failure !== undefined) break;
      if (chunk.length === 0) continue;
      waiting.push(chunk);
      waitingBytes += chunk.length;
      const limit = waitingLimit();
      // Wait for the running write only: the source continues while the next write runs.
      if (waitingBytes >= limit) await running;
      if (running === undefined && waitingBytes >= limit / 4) running = write();
    }
  } finally {
    writers -= 1;
    await running;
    if (waiting.length > 0 && failure === undefined) await write();
    await flushing;
  }
  if (failure !== undefined) throw failure.error;
  return end;
}

/** Writes all chunks. Repeats the call when the kernel writes only a part of them. */
export async function writeAll(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<number> {
  let rest = chunks;
  let written = 0;
  for (;;) {
    const { bytesWritten } = await file.writev(rest, position + written);
    written += bytesWritten;
    rest = after(rest, bytesWritten);
    if (rest.length === 0) return written;
    if (bytesWritten === 0) throw new Error("the kernel has written 0 bytes");
  }
}

function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let index = 0;
  let left = bytes;
  for (const chunk of chunks) {
    if (left < chunk.length) break;
    left -= chunk.length;
    index += 1;
  }
  const rest = chunks.slice(index);
  const first = rest[0];
  return first === undefined || left === 0 ? rest : [first.subarray(left), ...rest.slice(1)];
}
