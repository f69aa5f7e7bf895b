import type { BorrowedBytes } from "../blob-store.ts";
import { failureOf, S3Failure } from "./failure.ts";
import type { Source } from "../shared-read/shared-read.ts";
import type { OpenObject } from "./objects.ts";
import { bytesOf } from "../shared-read/buffers.ts";

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
    stream.destroy(new S3Failure(what, "TimeoutError", `nothing came for ${idleMs} ms`));
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
    throw new S3Failure(what, "Incomplete", `${received} of ${expected} bytes came`);
  }
}

/** A source that reads the SDK's response with {@link readBody}. */
export function sourceOfAnswer(answer: OpenObject, what: string, idleMs: number): Source {
  const { sizeBytes } = answer;
  const chunks = readBody(answer, what, sizeBytes, idleMs)[Symbol.asyncIterator]();
  let left = sizeBytes;
  return {
    sizeBytes,
    async next() {
      const { value } = await chunks.next();
      const bytes: Uint8Array = value ?? new Uint8Array();
      left -= bytes.length;
      // Read the end too: only then can the connection be reused.
      if (left <= 0 && !(await chunks.next()).done)
        throw new S3Failure(what, "TooMuch", "more bytes came than were announced");
      return { buffer: { bytes, keep: nothing, release: nothing }, from: 0, to: bytes.length };
    },
    end() {
      (answer.body as { destroy?: () => void }).destroy?.();
      void chunks.return?.(undefined);
    },
  };
}

/** The bytes of a source for a single reader. */
export async function* lend(source: Source): BorrowedBytes {
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
