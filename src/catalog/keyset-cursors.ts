import { createByteCache, stringBytes } from "../concurrency/byte-cache.ts";

/**
 * Keyset cursors for clients that request pages by number. The cache holds the last entry of recent pages. A client
 * that reads pages in order starts each page after the last entry of the page before: page 500 costs the same as page
 * 1, and the client misses no entry when the list grows meanwhile. A jump to another page uses an offset in an index. A
 * cursor grants no access: each page checks visibility again.
 */
export interface KeysetCursors<Place> {
  /**
   * Returns the start of a page: `after` an entry if its cursor is cached, otherwise `skip` entries from the beginning.
   */
  begin(
    list: string,
    page: number,
    size: number,
  ): { readonly after?: Place; readonly skip: number };
  /** Stores the last entry of a page. */
  end(list: string, page: number, size: number, last: Place | undefined): void;
}

/**
 * 8 MB hold about 10,000 cursors. The least recently used one is evicted first. The key contains the client's search
 * text.
 */
const bytesAtMost = 8 * 1024 * 1024;
const goodForMs = 60_000;

/** Cuts a page from a whole list. Returns `undefined` if the entry `after` is no longer in the list. */
export function cutFrom<Place>(
  all: readonly Place[],
  { after, skip }: { readonly after?: Place; readonly skip: number },
  size: number,
  isSame: (a: Place, b: Place) => boolean,
): readonly Place[] | undefined {
  if (after === undefined) return all.slice(skip, skip + size);
  const at = all.findIndex((position) => isSame(position, after));
  return at < 0 ? undefined : all.slice(at + 1, at + 1 + size);
}

export function createKeysetCursors<Place>(clock: () => number): KeysetCursors<Place> {
  const cursors = createByteCache<{ readonly position: Place; readonly untilMs: number }>({
    maxBytes: bytesAtMost,
    sizeOf: ({ position }) => stringBytes(JSON.stringify(position)),
  });
  const keyOf = (list: string, page: number, size: number): string => `${page} ${size} ${list}`;
  return {
    begin(list, page, size) {
      if (page === 1) return { skip: 0 };
      const cursor = cursors.get(keyOf(list, page - 1, size));
      return cursor !== undefined && cursor.untilMs > clock()
        ? { after: cursor.position, skip: 0 }
        : { skip: (page - 1) * size };
    },
    end(list, page, size, last) {
      if (last === undefined) return;
      cursors.set(keyOf(list, page, size), { position: last, untilMs: clock() + goodForMs });
    },
  };
}
