import type { VisibilityFilter } from "../auth/visibility.ts";
import type { Database } from "../database/database.ts";
import type {
  Facet,
  FoundRepository,
  SearchMeasures,
} from "../database/catalog/found-repositories.ts";
import { defaultNamespace, namespaceOf, parseRepositoryName } from "../oci/name.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { PullCount, PullCounts } from "./pull-counters.ts";

export interface SearchRequest {
  readonly visibility: VisibilityFilter;
  /** As somebody typed it. Empty: everything. */
  readonly text: string;
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface SearchResult {
  readonly name: RepositoryName;
  /** As one types it: `alpine` for `library/alpine`. */
  readonly shortName: string;
  readonly description: string;
  readonly isOfficial: boolean;
  readonly isPrivate: boolean;
  readonly stars: number;
  readonly pulls: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly lastPulledAtMs: number | undefined;
  readonly operatingSystems: readonly string[];
  readonly architectures: readonly string[];
  readonly osVersions: readonly string[];
  readonly types: readonly string[];
}

export interface SearchResults {
  readonly results: readonly SearchResult[];
  /** How many there are, none of which the viewer may not read; counted up to {@link countAtMost}. */
  readonly total: number;
}

/** As far as Docker Hub counts too. */
export const countAtMost = 10_000;
/** As many of the best as another order than that of the index is made of. */
const sortedAtMost = 1000;
const wordsAtMost = 16;
const longestWord = 64;

/** What results can be ordered by instead of by how good they are. */
export type SearchMeasure = "pulls" | "stars" | "updatedAtMs";

export type Search = ReturnType<typeof createSearch>;

export function createSearch(parts: {
  readonly database: Pick<Database, "search" | "catalog">;
  readonly counts: PullCounts;
}) {
  const { database, counts } = parts;
  const resultsOf = (found: readonly FoundRepository[]): readonly SearchResult[] => {
    const counted = counts.of(found);
    return found.map((item) => resultOf(item, counted.get(item.name)));
  };
  return {
    async find({ text, ...request }: SearchRequest): Promise<SearchResults> {
      const words = wordsOf(text);
      // Something was typed, and nothing of it is in any text.
      if (words.length === 0 && text.trim() !== "") return { results: [], total: 0 };
      const { items, total } = await database.search.find({
        ...{ ...request, words, exact: nameIn(text), countAtMost },
      });
      return { results: resultsOf(items), total };
    },

    /** A page of the best thousand in another order, the largest first unless `ascending`. */
    async findBy(
      measure: SearchMeasure,
      { text, offset, limit, ...request }: SearchRequest,
      ascending: boolean,
    ): Promise<SearchResults> {
      const words = wordsOf(text);
      if (words.length === 0 && text.trim() !== "") return { results: [], total: 0 };
      const { items, total } = await database.search.measures({
        ...{ ...request, words, exact: nameIn(text), offset: 0, limit: sortedAtMost, countAtMost },
      });
      const counted = measure === "pulls" ? counts.of(items) : undefined;
      const valueOf = (item: SearchMeasures): number =>
        measure === "pulls" ? (counted?.get(item.name)?.pulls ?? 0) : item[measure];
      const way = ascending ? 1 : -1;
      const ids = items
        .map((item) => ({ id: item.id, value: valueOf(item) }))
        .toSorted((a, b) => way * (a.value - b.value))
        .slice(offset, offset + limit)
        .map(({ id }) => id);
      return { results: resultsOf(await database.search.describe(ids)), total };
    },

    /** Whether the viewer can find anything at all. */
    async hasContent(visibility: VisibilityFilter): Promise<boolean> {
      return (await database.catalog.list(visibility, { limit: 1 })).items.length > 0;
    },
  };
}

/** The words of a text, which the index divides in the same way; it also takes care of case and accents. */
export function wordsOf(text: string): readonly string[] {
  const bare = text
    .normalize("NFC")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .toLowerCase();
  // New Tai Lue signs have become letters since SQLite's tables were made.
  const words = bare.split(/[^\p{L}\p{N}\p{Co}]+|[\u19b0-\u19c9]+/u).filter((word) => word !== "");
  return [...new Set(words.map((word) => Array.from(word).slice(0, longestWord).join("")))].slice(
    ...[0, wordsAtMost],
  );
}

function nameIn(text: string): RepositoryName | undefined {
  try {
    return parseRepositoryName(text.trim().toLowerCase());
  } catch {
    return undefined;
  }
}

function resultOf(found: FoundRepository, count: PullCount | undefined): SearchResult {
  const { name, visibility, facets, description, stars, createdAtMs, updatedAtMs } = found;
  const isOfficial = namespaceOf(name) === defaultNamespace;
  const valuesOf = (wanted: Facet): readonly string[] =>
    facets.filter(({ facet }) => facet === wanted).map(({ value }) => value);
  return {
    ...{ name, description, isOfficial, stars, createdAtMs, updatedAtMs },
    shortName: shortNameOf(name),
    isPrivate: visibility === "private",
    pulls: count?.pulls ?? 0,
    lastPulledAtMs: count?.lastPulledAtMs,
    operatingSystems: valuesOf("os"),
    architectures: valuesOf("architecture"),
    osVersions: valuesOf("os_version"),
    types: valuesOf("type"),
  };
}

/** `library/alpine` is pulled as `alpine`; `library/a/b` only by its whole name. */
export function shortNameOf(name: RepositoryName): string {
  const [namespace, ...rest] = name.split("/");
  return namespace === defaultNamespace && rest.length === 1 ? (rest[0] ?? name) : name;
}
