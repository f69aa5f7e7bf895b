import type { LentBytes } from "../blob-store.ts";
import { failureOf, S3Failure } from "./failure.ts";
import type { OpenObject } from "./objects.ts";

/**
 * The bytes of an answer, exactly as many as it must have: throws if it ends before, or if nothing comes for `idleMs`
 * while somebody waits. A reader may take as long as it likes between two chunks.
 */
export async function* readBody(
  { body }: OpenObject,
  what: string,
  expected: number,
  idleMs: number,
): LentBytes {
  const stream = body as NodeJS.ReadableStream & { destroy(error?: Error): void };
  // One timer for the whole answer: it looks whether the chunk that is waited for has been so for too long.
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
