import type { ByteSource } from "../../../storage/blob-store.ts";
import { checkRange, withCheckedLength, type Chunk } from "./chunk.ts";
import { untilTakenOver, type LockedSession } from "./locked-session.ts";
import { joined, wholeInMemoryBytes, type MemoryBudget } from "./memory-budget.ts";
import { persistAfterMs } from "./sessions.ts";
import { appendChunk, discardUpload, isRefused, type StoredUploadParts } from "./stored-upload.ts";

/*
 * The first chunk of a session without a row stays in memory if it is small, because docker and crane send a blob as a
 * PATCH and an empty PUT. If the PUT comes within 50 ms, such a blob costs as much as one that comes with the PUT: one
 * file and one transaction, without a row of the session.
 *
 *   PATCH: the bytes stay with the session (sessions.ts)     202, status tells their number
 *   PUT without a body: hash, store.put, storeBlob           201 (closeWithSmallBlob)
 *   50 ms later, at the close of the process, or before any
 *   other request that changes the session: row, then bytes  as if the PATCH had written them
 *
 * A crash loses the bytes together with their session: its client gets BLOB_UPLOAD_UNKNOWN and starts again.
 */

interface HoldingParts extends StoredUploadParts {
  readonly memory: MemoryBudget;
}

/** Appends a chunk as {@link appendChunk} does, but holds the first one in memory if it is small. */
export async function holdOrAppendChunk(
  parts: HoldingParts,
  session: LockedSession,
  chunk: Chunk,
): Promise<number> {
  const { sessions, memory } = parts;
  const { row, lock } = session;
  // With chunked transfer coding the length is unknown: docker and crane send their blobs in this manner.
  const reservedBytes = chunk.lengthBytes ?? wholeInMemoryBytes;
  const isSmall = reservedBytes <= wholeInMemoryBytes && memory.fits(reservedBytes);
  if (!isSmall || !sessions.mayHold(row.id)) return await appendChunk(parts, session, chunk);
  checkRange(chunk, 0);
  let start: ChunkStart;
  memory.reserve(reservedBytes);
  try {
    const bytes = withCheckedLength(chunk, lock.heartbeat);
    start = await untilTakenOver(lock, chunk, () =>
      readStart(bytes, () => sessions.mayHold(row.id)),
    );
  } finally {
    memory.release(reservedBytes);
  }
  const { pieces, sizeBytes, rest } = start;
  if (rest === undefined) {
    await checkHeldSize(parts, session, sizeBytes);
    if (sessions.hold(row.id, joined(pieces))) return sizeBytes;
  }
  return await appendChunk(parts, session, chunk, { bytes: continued(pieces, rest) });
}

async function checkHeldSize(
  parts: HoldingParts,
  { row }: LockedSession,
  sizeBytes: number,
): Promise<void> {
  try {
    parts.quota.checkSize(sizeBytes);
  } catch (error) {
    if (isRefused(error)) await discardUpload(parts, row);
    throw error;
  }
}

interface ChunkStart {
  readonly pieces: readonly Uint8Array[];
  readonly sizeBytes: number;
  /** What follows the pieces: more bytes, or an error. `undefined`: the pieces are the whole chunk. */
  readonly rest: AsyncIterator<Uint8Array> | undefined;
}

/**
 * Reads the chunk into memory while `mayGoOn`: until 256 KiB, or for 50 ms, after which the session has its row. Never
 * rejects: the store gets the bytes before an error.
 */
async function readStart(bytes: ByteSource, mayGoOn: () => boolean): Promise<ChunkStart> {
  const iterator = bytes[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, persistAfterMs, undefined);
  });
  try {
    while (sizeBytes <= wholeInMemoryBytes && mayGoOn()) {
      const reading = iterator.next();
      const next = await Promise.race([reading, late]);
      if (next === undefined) return { pieces, sizeBytes, rest: after(reading, iterator) };
      if (next.done === true) return { pieces, sizeBytes, rest: undefined };
      pieces.push(next.value);
      sizeBytes += next.value.length;
    }
  } catch (error) {
    return { pieces, sizeBytes, rest: { next: () => Promise.reject(error) } };
  } finally {
    clearTimeout(timer);
  }
  return { pieces, sizeBytes, rest: iterator };
}

type Reading = Promise<IteratorResult<Uint8Array>>;

/** What an iterator gives, beginning with a read that runs already. */
function after(reading: Reading, iterator: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  // The store may reject before it reads.
  reading.catch(() => undefined);
  let first: Reading | undefined = reading;
  return {
    next() {
      const next = first ?? iterator.next();
      first = undefined;
      return next;
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
}

async function* continued(
  pieces: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array> | undefined,
): ByteSource {
  try {
    yield* pieces;
    if (rest === undefined) return;
    for (let next = await rest.next(); next.done !== true; next = await rest.next())
      yield next.value;
  } finally {
    await rest?.return?.();
  }
}
