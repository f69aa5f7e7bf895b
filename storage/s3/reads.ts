import type { BlobKey, BorrowedBytes, ByteRange } from "../blob-store.ts";
import { bytesOf } from "../shared-read/buffers.ts";
import { createSharedReads } from "../shared-read/reads.ts";
import type { Source } from "../shared-read/shared-read.ts";
import type { Bucket } from "./bucket.ts";
import { createHttpReader } from "./http-reader.ts";
import { getObject, signedUrl, type OpenObject } from "./objects.ts";
import { failureOf, S3Failure } from "./requests.ts";

export interface ObjectReads {
  /** The bytes of a range, from a read that concurrent readers share; `undefined` if there is no such blob. */
  open(key: BlobKey, range: ByteRange): Promise<BorrowedBytes | undefined>;
  /** The bytes of a blob, read from S3 for this caller alone; `undefined` if there is no such blob. */
  openWhole(key: BlobKey): Promise<BorrowedBytes | undefined>;
  /** The blob is deleted: new readers do not join its reads. */
  forget(key: BlobKey): void;
  close(): void;
}

/** Reads blobs with `http-reader.ts`, or with the SDK if that reader has no answer. */
export function createObjectReads(bucket: Bucket): ObjectReads {
  const { idleMs } = bucket.retryPolicy;
  const reader = createHttpReader(idleMs, (key, lifetimeMs) => signedUrl(bucket, key, lifetimeMs));

  const openSource = async (key: BlobKey, range?: ByteRange): Promise<Source | undefined> => {
    const part = range && `${range.start}-${range.end}`;
    const source = await reader.open(key, part);
    if (source !== undefined && source !== "denied") return source;
    const found = await getObject(bucket, key, part);
    if (found !== undefined && source === "denied") reader.pause();
    return found && sourceOf(found, `GET ${key}`, idleMs);
  };
  const shared = createSharedReads(async (key, range) => {
    const source = await openSource(key, range);
    if (source === undefined || source.sizeBytes === range.end - range.start + 1) return source;
    source.end();
    throw new S3Failure(`GET ${key}`, "InvalidRange", `the blob ends before byte ${range.end}`);
  });

  return {
    open: (key, range) => shared.open(key, range),
    async openWhole(key) {
      const source = await openSource(key);
      return source && readSource(source);
    },
    forget: (key) => shared.forget(key),
    close: () => reader.close(),
  };
}

/**
 * The bytes of a response, exactly `expected` of them. Throws {@link S3Failure} if the response is shorter or longer,
 * or if no byte arrives for `idleMs` while a reader waits. A reader may wait any time between two chunks.
 */
export async function* readBody(
  { body }: OpenObject,
  what: string,
  expected: number,
  idleMs: number,
): BorrowedBytes {
  const stream = body as NodeJS.ReadableStream & { destroy(error?: Error): void };
  // One timer for the whole response checks how long the reader has waited for the current chunk.
  let waitingSinceMs = performance.now();
  let waiting = true;
  const watch = setInterval(() => {
    if (!waiting || performance.now() - waitingSinceMs < idleMs) return;
    stream.destroy(new S3Failure(what, "TimeoutError", `no byte arrived for ${idleMs} ms`));
  }, idleMs / 4).unref();
  let received = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      received += chunk.length;
      waiting = false;
      yield chunk;
      waiting = true;
      waitingSinceMs = performance.now();
    }
  } catch (error) {
    throw error instanceof S3Failure ? error : failureOf(what, error);
  } finally {
    clearInterval(watch);
    stream.destroy();
  }
  if (received !== expected) {
    throw new S3Failure(what, "Incomplete", `${received} of ${expected} bytes arrived`);
  }
}

/** A source that reads the SDK's response with {@link readBody}. */
function sourceOf(response: OpenObject, what: string, idleMs: number): Source {
  const { sizeBytes } = response;
  const chunks = readBody(response, what, sizeBytes, idleMs)[Symbol.asyncIterator]();
  let left = sizeBytes;
  return {
    sizeBytes,
    async next() {
      const { value } = await chunks.next();
      const bytes: Uint8Array = value ?? new Uint8Array();
      left -= bytes.length;
      // Read the end too: only then can the connection be reused.
      if (left <= 0 && !(await chunks.next()).done)
        throw new S3Failure(what, "TooMuch", "the response has more bytes than its Content-Length");
      return { buffer: { bytes, keep: nothing, release: nothing }, from: 0, to: bytes.length };
    },
    end() {
      (response.body as { destroy?: () => void }).destroy?.();
      void chunks.return?.(undefined);
    },
  };
}

/** The bytes of a source for a single reader. */
async function* readSource(source: Source): BorrowedBytes {
  let left = source.sizeBytes;
  try {
    while (left > 0) {
      const filled = await source.next();
      left -= filled.to - filled.from;
      try {
        yield bytesOf(filled);
      } finally {
        filled.buffer.release();
      }
    }
  } finally {
    source.end();
  }
}

/** The garbage collector frees the memory of these chunks. */
const nothing = (): void => undefined;
