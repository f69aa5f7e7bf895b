import { createHmac, randomBytes } from "node:crypto";
import { createByteCache } from "../concurrency/byte-cache.ts";

/** Results of recent password checks, by HMAC-SHA-256 with a random key: the secrets are not stored. */
export interface VerifiedPasswordCache {
  add(key: string): void;
  has(key: string): boolean;
  /** The cache key of these texts, in this order. */
  keyOf(...texts: readonly string[]): string;
}

const rememberedMs = 5 * 60_000;
/** About 1,000 entries with their overhead. */
const bytesAtMost = 384 * 1024;
/** A time in milliseconds. */
const timeBytes = 8;

/** Keeps an entry for 5 minutes. Above {@link bytesAtMost} the least recently used entry is dropped. */
export function createVerifiedPasswordCache(clock: () => number): VerifiedPasswordCache {
  const key = randomBytes(32);
  const untilMs = createByteCache<number>({ maxBytes: bytesAtMost, sizeOf: () => timeBytes });
  return {
    keyOf: (...texts) => createHmac("sha256", key).update(JSON.stringify(texts)).digest("base64"),
    has: (key) => (untilMs.get(key) ?? 0) > clock(),
    add(key) {
      untilMs.set(key, clock() + rememberedMs);
    },
  };
}
