import { createHash } from "node:crypto";
import { createVersionedCache } from "../../concurrency/bounded-cache.ts";

/**
 * Caches the responses of lists and searches as bytes until the next write: most of the cost is the search for 100
 * repositories and their serialization, and clients request the same pages. The key contains the principal, because
 * each principal sees different repositories. The permission is checked for each request, also for a cached response.
 */
export interface ResponseCache {
  /** The cached JSON for the key; on a miss, the serialized result of `make`. */
  of(key: string, make: () => Promise<unknown>): Promise<TaggedResponse>;
}

/** The JSON of a response with its entity tag, which is a hash of it. */
export interface TaggedResponse {
  readonly body: Buffer;
  /** Without the quotes of the `ETag` header. */
  readonly entityTag: string;
}

/** Serializes a response. The hash of 50 KB takes 0.1 ms. */
export function taggedResponse(answer: unknown): TaggedResponse {
  const body = Buffer.from(JSON.stringify(answer));
  return { body, entityTag: createHash("sha256").update(body).digest("base64url") };
}

/**
 * Maximum bytes of all cached responses with their keys. The least recently used response is evicted first; a write to
 * any database evicts all.
 */
const bytesAtMost = 8 * 1024 * 1024;
/** Some fields depend on the time, such as whether a tag was used lately. So a response is cached for at most 60 s. */
const goodForMs = 60_000;

/** @param versionOf a version of the databases, which changes with each write */
export function createResponseCache(
  versionOf: () => Promise<string>,
  clock: () => number = Date.now,
): ResponseCache {
  const current = createVersionedCache<TaggedResponse & { readonly atMs: number }>({
    maxBytes: bytesAtMost,
    sizeOf: ({ body }) => body.length,
  });
  return {
    async of(key, make) {
      // After a write during `make`, the response goes to the cache of the old version.
      const answers = current(await versionOf());
      const held = answers.get(key);
      if (held !== undefined && clock() - held.atMs <= goodForMs) return held;
      const atMs = clock();
      const made = { ...taggedResponse(await make()), atMs };
      answers.set(key, made);
      return made;
    },
  };
}
