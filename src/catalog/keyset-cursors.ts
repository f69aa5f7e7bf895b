import { createByteCache, stringBytes } from "../concurrency/bounded-cache.ts";
import type { NumberedPage } from "../oci/page.ts";

/**
 * Keyset cursors for clients that request pages by number. The cache holds the last entry of recent pages. A client
 * that reads pages in order starts each page after the last entry of the page before: page 500 costs the same as page
 * 1, and the client misses no entry when the list grows meanwhile. A jump to another page uses an offset in an index. A
 * cursor grants no access: each page checks visibility again.
 */
interface KeysetCursors<Position> {
  /**
   * Returns the start of a page: `after` an entry if its cursor is cached, otherwise `skip` entries from the beginning.
   */
  begin(
    list: string,
    page: number,
    size: number,
  ): { readonly after?: Position; readonly skip: number };
  /** Stores the last entry of a page. */
  end(list: string, page: number, size: number, last: Position | undefined): void;
}

/**
 * 8 MB hold about 10,000 cursors. The least recently used one is evicted first. The key contains the client's search
 * text.
 */
const bytesAtMost = 8 * 1024 * 1024;
const goodForMs = 60_000;
/** A substring search scans all names. Up to 1,000 matches are read at once, so that the count needs no second scan. */
const matchesAtOnce = 1_000;

/** A list in a database. */
export interface PagedList<Position> {
  /** Filter and order of the list as JSON. */
  readonly key: string;
  /** Whether the filter is a search for a part of the name. */
  readonly isSearch: boolean;
  /** Number of entries. */
  readonly count: () => Promise<number>;
  /** Entries from a position on, in the order of the list. */
  readonly read: (window: {
    readonly after?: Position;
    readonly skip: number;
    readonly limit: number;
  }) => Promise<readonly Position[]>;
}

/** A {@link PagedList} whose entries have been counted. */
interface CountedList<Position> extends PagedList<Position> {
  readonly total: number;
  /** All matches of a search with at most 1,000. */
  readonly matches: readonly Position[] | undefined;
}

export function createKeysetCursors<Position>(clock: () => number): KeysetCursors<Position> {
  const cursors = createByteCache<{ readonly position: Position; readonly untilMs: number }>({
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

/** Counts the entries of a list, before a page of it is read. */
export async function countList<Position>(
  list: PagedList<Position>,
): Promise<CountedList<Position>> {
  if (list.isSearch) {
    const matches = await list.read({ skip: 0, limit: matchesAtOnce + 1 });
    if (matches.length <= matchesAtOnce) return { ...list, total: matches.length, matches };
  }
  return { ...list, total: await list.count(), matches: undefined };
}

/** Reads pages of lists by their numbers, with keyset cursors. */
export function createPageReader<Position>(
  clock: () => number,
  isSame: (a: Position, b: Position) => boolean,
) {
  const cursors = createKeysetCursors<Position>(clock);
  return async (
    { key, matches, read }: CountedList<Position>,
    { page, size }: NumberedPage,
  ): Promise<readonly Position[]> => {
    const begin = cursors.begin(key, page, size);
    const positions =
      (matches && cutFrom(matches, begin, size, isSame)) ?? (await read({ ...begin, limit: size }));
    cursors.end(key, page, size, positions.at(-1));
    return positions;
  };
}

/** Cuts a page from a whole list. Returns `undefined` if the entry `after` is no longer in the list. */
function cutFrom<Position>(
  all: readonly Position[],
  { after, skip }: { readonly after?: Position; readonly skip: number },
  size: number,
  isSame: (a: Position, b: Position) => boolean,
): readonly Position[] | undefined {
  if (after === undefined) return all.slice(skip, skip + size);
  const at = all.findIndex((position) => isSame(position, after));
  return at < 0 ? undefined : all.slice(at + 1, at + 1 + size);
}
