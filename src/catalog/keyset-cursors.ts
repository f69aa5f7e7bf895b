import { createByteCache, stringBytes } from "../concurrency/byte-cache.ts";

/**
 * Where the pages of lists end that were given out lately. Clients ask for pages by number; whoever walks a list finds
 * each page by the end of the one before, which costs the same for page 500 as for page 1 and skips nothing when the
 * list grows meanwhile. A jump to a page counts its way there in an index. A mark opens nothing: what may be seen is
 * asked on every page.
 */
export interface KeysetCursors<Place> {
  /** Where to begin a page: behind a place, and then so many further on. */
  begin(
    list: string,
    page: number,
    size: number,
  ): { readonly after?: Place; readonly skip: number };
  /** A page ends with this entry. */
  end(list: string, page: number, size: number, last: Place | undefined): void;
}

/** Bytes of about 10,000 marks; the least recently used go first. The key has the search text of the client. */
const bytesAtMost = 8 * 1024 * 1024;
const goodForMs = 60_000;

/** A page of a whole list, or `undefined` if the place where it begins is not where it was. */
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
