import { LRUCache } from "lru-cache";
import { createSingleFlight } from "../../concurrency/single-flight.ts";
import type { OciError } from "../../oci/errors.ts";
import { clientError, saysAbsent, staleDetail, UpstreamFailure } from "../upstream/failure.ts";
import type { AdmitMiss, CacheStatus } from "../repository.ts";

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

/** Caches lists. Concurrent requests for one list share one upstream request. */
export interface ListCache {
  /** Returns the cached list if it is younger than `ttlMs`. */
  fresh(key: string, ttlMs: number): Listed | undefined;
  keep(key: string, value: Listed): void;
  /**
   * Returns the cached list while it is younger than `ttlMs`, otherwise the list from the upstream (`ask`). If the
   * upstream fails, returns the stale list, or the result of `local` (status `stale`). Throws `absent` if the upstream
   * answers that the list does not exist, the client error of the failure if there is no list, and the errors of
   * `admitMiss`.
   */
  through<T extends Listed>(
    key: string,
    list: {
      readonly ttlMs: number;
      readonly ask: () => Promise<T>;
      readonly local: () => Promise<T>;
      readonly absent: OciError;
      readonly admitMiss: AdmitMiss;
    },
  ): Promise<{ readonly value: T; readonly status: CacheStatus }>;
}

export function createListCache(store: ListStore, clock: () => number): ListCache {
  const once = createSingleFlight<Listed>();

  const keep = (key: string, value: Listed): void => void store.set(key, { value, atMs: clock() });

  const fetch = async <T extends Listed>(
    key: string,
    ask: () => Promise<T>,
    admitMiss: AdmitMiss,
  ): Promise<T> => {
    const listed = await once(key, () => {
      admitMiss();
      return ask().then((value) => {
        keep(key, value);
        return value;
      });
    });
    return listed as T;
  };

  return {
    keep,
    fresh(key, ttlMs) {
      const known = store.get(key);
      return known !== undefined && known.atMs + ttlMs > clock() ? known.value : undefined;
    },
    async through<T extends Listed>(
      key: string,
      list: {
        readonly ttlMs: number;
        readonly ask: () => Promise<T>;
        readonly local: () => Promise<T>;
        readonly absent: OciError;
        readonly admitMiss: AdmitMiss;
      },
    ) {
      const known = store.get(key);
      if (known !== undefined && known.atMs + list.ttlMs > clock())
        return { value: known.value as T, status: { kind: "hit" } as const };
      try {
        return {
          value: await fetch(key, list.ask, list.admitMiss),
          status: { kind: "miss" } as const,
        };
      } catch (error) {
        if (!(error instanceof UpstreamFailure)) throw error;
        if (saysAbsent(error)) throw clientError(error, () => list.absent);
        const reason = staleDetail(error);
        const ageSeconds = known === undefined ? 0 : Math.round((clock() - known.atMs) / 1000);
        const status: CacheStatus = { kind: "stale", ageSeconds, reason };
        if (known !== undefined) return { value: known.value as T, status };
        const value = await list.local().catch(() => undefined);
        if (value === undefined) throw clientError(error, () => list.absent);
        return { value, status };
      }
    },
  };
}
