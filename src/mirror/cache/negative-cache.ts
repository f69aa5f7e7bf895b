import { createByteCache, type ByteCache } from "../../concurrency/bounded-cache.ts";
import type { OciError } from "../../oci/errors.ts";
import { clientError, saysAbsent } from "../upstream/failure.ts";

/** 4 MB hold about 10,000 entries. The least recently used entry is evicted first. */
const bytesAtMost = 4 * 1024 * 1024;
/** Size of the expiry time of one entry. */
const timeBytes = 8;

/** Remembers for `ttl.missing` that the upstream does not have a blob, a manifest or a tag. */
export class NegativeCache {
  readonly #clock: () => number;
  readonly #ttlMs: number;
  readonly #untilMs: ByteCache<number> = createByteCache({
    maxBytes: bytesAtMost,
    sizeOf: () => timeBytes,
  });

  constructor(clock: () => number, ttlMs: number) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  has(key: string): boolean {
    const until = this.#untilMs.get(key);
    if (until === undefined) return false;
    if (until > this.#clock()) return true;
    this.#untilMs.delete(key);
    return false;
  }

  add(key: string): void {
    this.#untilMs.set(key, this.#clock() + this.#ttlMs);
  }

  /**
   * Runs `work`, which may ask the upstream. Throws `absent()` if the upstream answers that the content of `key` does
   * not exist, without `work` if it has answered so before. Other failures become the error of {@link clientError}.
   */
  async through<T>(key: string, absent: () => OciError, work: () => Promise<T>): Promise<T> {
    if (this.has(key)) throw absent();
    try {
      return await work();
    } catch (error) {
      if (saysAbsent(error)) this.add(key);
      throw clientError(error, absent);
    }
  }
}
