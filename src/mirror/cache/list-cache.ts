import { LRUCache } from "lru-cache";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { OciError } from "../../oci/errors.ts";
import type { AdmitMiss, CacheStatus } from "../repository.ts";
import { clientError, saysAbsent, staleDetail, UpstreamFailure } from "../upstream/failure.ts";

/** A list from an upstream (tags, referrers), with its size in memory. */
export interface Listed {
  readonly sizeBytes: number;
}

/** The lists of all mirrors of a process: at most 32 MB, least recently used evicted first. */
export type ListStore = LRUCache<string, { readonly value: Listed; readonly atMs: number }>;

const storedBytesAtMost = 32 * 1024 * 1024;
const bytesOfAnEntry = 512;

export const createListStore = (): ListStore =>
  new LRUCache({
    maxSize: storedBytesAtMost,
    sizeCalculation: ({ value }, key) => value.sizeBytes + key.length + bytesOfAnEntry,
  });

/** How to get a list that is not in the cache, or is too old. */
interface ListSource<T extends Listed> {
  readonly ttlMs: number;
  /** Requests the list from the upstream. */
  readonly ask: () => Promise<T>;
  /** Makes the list from cached content, for the case that the upstream fails. */
  readonly local: () => Promise<T>;
  readonly absent: () => OciError;
  readonly admitMiss: AdmitMiss;
}

/** Caches lists. Concurrent requests for one list share one upstream request. */
export class ListCache {
  readonly #store: ListStore;
  readonly #clock: () => number;
  readonly #once = createSingleFlight<Listed>();

  constructor(store: ListStore, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Returns the cached list if it is younger than `ttlMs`. */
  fresh(key: string, ttlMs: number): Listed | undefined {
    const known = this.#store.get(key);
    return known !== undefined && known.atMs + ttlMs > this.#clock() ? known.value : undefined;
  }

  keep(key: string, value: Listed): void {
    this.#store.set(key, { value, atMs: this.#clock() });
  }

  /**
   * Returns the cached list while it is younger than `ttlMs`, otherwise the list from the upstream (`ask`). If the
   * upstream fails, returns the stale list, or the result of `local` (status `stale`). Throws `absent` if the upstream
   * answers that the list does not exist, the client error of the failure if there is no list, and the errors of
   * `admitMiss`.
   */
  async through<T extends Listed>(
    key: string,
    source: ListSource<T>,
  ): Promise<{ readonly value: T; readonly status: CacheStatus }> {
    const known = this.#store.get(key);
    if (known !== undefined && known.atMs + source.ttlMs > this.#clock())
      return { value: known.value as T, status: { kind: "hit" } };
    try {
      return { value: await this.#fetch(key, source), status: { kind: "miss" } };
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      if (saysAbsent(error)) throw clientError(error, source.absent);
      const ageSeconds = known === undefined ? 0 : Math.round((this.#clock() - known.atMs) / 1000);
      const status: CacheStatus = { kind: "stale", ageSeconds, reason: staleDetail(error) };
      if (known !== undefined) return { value: known.value as T, status };
      const value = await source.local().catch(() => undefined);
      if (value === undefined) throw clientError(error, source.absent);
      return { value, status };
    }
  }

  async #fetch<T extends Listed>(key: string, { ask, admitMiss }: ListSource<T>): Promise<T> {
    const listed = await this.#once(key, () => {
      admitMiss();
      return ask().then((value) => {
        this.keep(key, value);
        return value;
      });
    });
    return listed as T;
  }
}
