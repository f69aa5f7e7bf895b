import { createHmac, randomBytes } from "node:crypto";
import { createByteCache } from "../concurrency/byte-cache.ts";

/** What was found out of secrets a short while ago, by a keyed hash: the secrets themselves are not kept. */
export interface VerifiedPasswordCache {
  add(key: string): void;
  has(key: string): boolean;
  /** What stands for these texts, in this order. */
  keyOf(...texts: readonly string[]): string;
}

const rememberedMs = 5 * 60_000;
/** Bytes of about a thousand marks with their overhead. */
const bytesAtMost = 384 * 1024;
/** A time in milliseconds. */
const timeBytes = 8;

/** Keeps a mark for five minutes; the least recently used goes first when all take more than {@link bytesAtMost}. */
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
