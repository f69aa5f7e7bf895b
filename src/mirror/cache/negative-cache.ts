import { createByteCache } from "../../concurrency/byte-cache.ts";

/** Remembers for a TTL that the upstream answered "not found" for a key. */
export interface NegativeCache {
  has(key: string): boolean;
  add(key: string, ttlMs: number): void;
}

/** 4 MB hold about 10,000 entries. The least recently used entry is evicted first. */
const bytesAtMost = 4 * 1024 * 1024;
/** Size of the expiry time of one entry. */
const timeBytes = 8;

export function createNegativeCache(clock: () => number): NegativeCache {
  const untilMs = createByteCache<number>({ maxBytes: bytesAtMost, sizeOf: () => timeBytes });
  return {
    has(key) {
      const until = untilMs.get(key);
      if (until === undefined) return false;
      if (until > clock()) return true;
      untilMs.delete(key);
      return false;
    },
    add(key, ttlMs) {
      untilMs.set(key, clock() + ttlMs);
    },
  };
}
