import { LRUCache } from "lru-cache";

/**
 * Bytes that each entry counts besides its key and value: string and object headers, the map slot and the LRU list
 * node. Because an empty entry counts too, the number of entries is bounded.
 */
export const entryOverheadBytes = 256;

/** V8 stores a string with 1 or 2 bytes per character; this counts 2. */
export const stringBytes = (text: string): number => 2 * text.length;

/** A cache of at most `maxBytes` bytes including keys and overhead. The least recently used entry is evicted first. */
export type ByteCache<V extends object | string | number> = LRUCache<string, V>;

interface ByteCacheOptions<V> {
  readonly maxBytes: number;
  /** Bytes of a value, without its key and {@link entryOverheadBytes}. */
  readonly sizeOf: (value: V) => number;
}

/**
 * Creates the cache for every case in which clients control the entries. An entry larger than `maxBytes` is not stored.
 * Setting a key again counts the new value only if it is a different object.
 */
export function createByteCache<V extends object | string | number>({
  maxBytes,
  sizeOf,
}: ByteCacheOptions<V>): ByteCache<V> {
  return new LRUCache({
    maxSize: maxBytes,
    sizeCalculation: (value, key) => entryOverheadBytes + stringBytes(key) + sizeOf(value),
  });
}

/**
 * A cache of at most `entries` small entries. It uses `maxSize`, because with `max` lru-cache allocates memory for all
 * entries at once: 1 MB for 50,000.
 */
export const createCountedCache = <V extends number | boolean>(
  entries: number,
): LRUCache<string, V> => new LRUCache({ maxSize: entries, sizeCalculation: () => 1 });

/** {@link memoized} caches 1,000 texts of at most 256 characters; it computes longer ones each time. */
const memoizedTexts = 1000;
const memoizedLength = 256;

/** Caches a pure function of an address or a host name for the 1,000 most recently used texts. */
export function memoized<V extends boolean | string>(
  compute: (text: string) => V,
): (text: string) => V {
  const results = new LRUCache<string, V>({ max: memoizedTexts });
  return (text) => {
    if (text.length > memoizedLength) return compute(text);
    let result = results.get(text);
    if (result === undefined) results.set(text, (result = compute(text)));
    return result;
  };
}

/**
 * A {@link createByteCache} for data from a database. Each call returns the cache of this version of the data, and a
 * new, empty cache after the version changes. A caller that awaits between its database read and `set` must use the cache
 * from before the read, so that old data never enters the cache of a later version.
 */
export function createVersionedCache<V extends object | string | number>(
  options: ByteCacheOptions<V>,
): (version: unknown) => ByteCache<V> {
  let known: unknown;
  let cache = createByteCache<V>(options);
  return (version) => {
    if (version === known) return cache;
    known = version;
    cache = createByteCache<V>(options);
    return cache;
  };
}
