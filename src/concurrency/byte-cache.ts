import { LRUCache } from "lru-cache";

/**
 * Bytes that an entry is counted with besides its key and its value: the headers of the strings and objects, the place in
 * the map and in the list of the least recently used. An entry without content counts, so the number is bounded too.
 */
export const entryOverheadBytes = 256;

/** V8 keeps a string in one or two bytes a character. */
export const stringBytes = (text: string): number => 2 * text.length;

/** A cache of at most `maxBytes` bytes, keys and overhead included: the least recently used entries go first. */
export type ByteCache<V extends object | string | number> = LRUCache<string, V>;

interface ByteCacheOptions<V> {
  readonly maxBytes: number;
  /** Bytes of a value, without its key and {@link entryOverheadBytes}. */
  readonly sizeOf: (value: V) => number;
}

/**
 * Every cache whose entries a client decides is made here. An entry that alone is larger than `maxBytes` is not kept;
 * setting a key again counts the new value only if it is another object.
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
 * A cache of at most so many small entries. By `maxSize`, since with `max` lru-cache allocates for all of them at once:
 * 1 MB for 50,000.
 */
export const createCountedCache = <V extends number | boolean>(
  entries: number,
): LRUCache<string, V> => new LRUCache({ maxSize: entries, sizeCalculation: () => 1 });

/** Texts that {@link memoized} keeps; longer ones than this are computed each time. */
const memoizedTexts = 1000;
const memoizedLength = 256;

/** A pure function of an address or a host name, with its results for the 1,000 texts that were used last. */
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
 * {@link createByteCache} for what was read from a database: returns the cache of the current version, a new one as soon as the version
 * is another. Who waits between reading the database and `set` keeps the cache that was returned before the read, so
 * that old data never reaches the cache of a later version.
 */
export function createVersionedCache<V extends object | string | number>(
  options: ByteCacheOptions<V> & { readonly version: () => unknown },
): () => ByteCache<V> {
  let known: unknown;
  let cache = createByteCache<V>(options);
  return () => {
    const version = options.version();
    if (version === known) return cache;
    known = version;
    cache = createByteCache<V>(options);
    return cache;
  };
}
