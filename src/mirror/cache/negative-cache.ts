import { createByteCache } from "../../concurrency/byte-cache.ts";

/** What the upstream has said is not there, for a while. */
export interface NegativeCache {
  has(key: string): boolean;
  add(key: string, ttlMs: number): void;
}

/** Bytes of about 10,000 entries; the least recently used go first, an entry ends with its time. */
const bytesAtMost = 4 * 1024 * 1024;
/** A time in milliseconds. */
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
