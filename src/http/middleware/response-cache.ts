import { createVersionedCache } from "../../concurrency/byte-cache.ts";

/**
 * Answers to lists and searches, kept as bytes while nobody has written anything: what costs is to find a hundred
 * repositories and to write them down, and people ask for the same pages. Who asks is part of the key, since everybody
 * sees something else; whether they may ask at all is authorized anew each time.
 */
export interface ResponseCache {
  /** What was kept under the key, or what `make` makes of it. */
  of(key: string, make: () => Promise<unknown>): Promise<Buffer>;
}

/** Bytes of all cached responses with their keys; the least recently used go first, a write to any database removes all. */
const bytesAtMost = 8 * 1024 * 1024;
/** Some of what a page says depends on the time: whether a tag has been used lately. */
const goodForMs = 60_000;

/** @param versionOf another value as soon as anybody has written to any of the databases */
export function createResponseCache(
  versionOf: () => string,
  clock: () => number = Date.now,
): ResponseCache {
  const current = createVersionedCache<{ readonly body: Buffer; readonly atMs: number }>({
    maxBytes: bytesAtMost,
    sizeOf: ({ body }) => body.length,
    version: versionOf,
  });
  return {
    async of(key, make) {
      // Where a write happens while the answer is made, the answer goes to the cache of the version before.
      const answers = current();
      const held = answers.get(key);
      if (held !== undefined && clock() - held.atMs <= goodForMs) return held.body;
      const atMs = clock();
      const body = Buffer.from(JSON.stringify(await make()));
      answers.set(key, { body, atMs });
      return body;
    },
  };
}
