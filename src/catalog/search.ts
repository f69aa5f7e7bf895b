import type { VisibilityFilter } from "../auth/visibility.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";
import type { Database } from "../database/contract.ts";
import type { FoundRepository, SearchMeasures } from "../database/catalog/search.ts";
import type { Facet } from "../database/catalog/search-index.ts";
import { defaultNamespace, namespaceOf, parseRepositoryName } from "../oci/name.ts";
import type { RepositoryName } from "../oci/name.ts";
import { countFacets, type FacetCounts } from "./facet-counts.ts";
import type { PullCount, PullCounts } from "./pull-counters.ts";

export interface SearchRequest {
  readonly visibility: VisibilityFilter;
  /** The search text of the client. Empty: all repositories. */
  readonly text: string;
  readonly facets?: Readonly<Partial<Record<Facet, readonly string[]>>>;
  readonly isOfficial?: boolean | undefined;
  /** Only repositories in one of these namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  /** No repositories in these namespaces. */
  readonly withoutNamespaces?: readonly string[] | undefined;
  readonly offset: number;
  readonly limit: number;
}

export interface SearchResult {
  readonly name: RepositoryName;
  /** The short form for `docker pull`: `alpine` for `library/alpine`. */
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
  /**
   * Where the words of the search are: all in the name, all in name and description, or some of them only in the README.
   * `undefined`: the search has no words.
   */
  readonly matched: "name" | "description" | "readme" | undefined;
}

export interface SearchResults {
  readonly results: readonly SearchResult[];
  /** Number of matching visible repositories, counted up to {@link countAtMost}. */
  readonly total: number;
}

/** Docker Hub counts up to the same number. */
export const countAtMost = 10_000;
/** Number of best matches that are sorted by a measure. */
const sortedAtMost = 1000;
const wordsAtMost = 16;
const longestWord = 64;

/** Sort keys for results, instead of relevance. */
export type SearchMeasure = "pulls" | "stars" | "updatedAtMs";

export type Search = ReturnType<typeof createSearch>;

export function createSearch(parts: {
  readonly database: Pick<Database, "search" | "catalog">;
  readonly counts: PullCounts;
}) {
  const { database, counts } = parts;
  const resultsOf = async (
    found: readonly FoundRepository[],
    words: readonly string[],
  ): Promise<readonly SearchResult[]> => {
    const counted = await counts.of(found);
    return found.map((item) => resultOf(item, counted.get(item.name), words));
  };
  return {
    async find({ text, ...request }: SearchRequest): Promise<SearchResults> {
      const terms = termsOf(text);
      if (terms === undefined) return { results: [], total: 0 };
      const { items, total } = await database.search.find({ ...request, ...terms, countAtMost });
      return { results: await resultsOf(items, terms.words), total };
    },

    /** Sorts the 1,000 best matches by `measure`, descending unless `ascending`, and returns one page. */
    async findBy(
      measure: SearchMeasure,
      { text, offset, limit, ...request }: SearchRequest,
      ascending: boolean,
    ): Promise<SearchResults> {
      const terms = termsOf(text);
      if (terms === undefined) return { results: [], total: 0 };
      const best = { offset: 0, limit: sortedAtMost, countAtMost };
      const { items, total } = await database.search.measures({ ...request, ...terms, ...best });
      const counted = measure === "pulls" ? await counts.of(items) : undefined;
      const valueOf = (item: SearchMeasures): number =>
        measure === "pulls" ? (counted?.get(item.name)?.pulls ?? 0) : item[measure];
      const sign = ascending ? 1 : -1;
      const ids = items
        .map((item) => ({ id: item.id, value: valueOf(item) }))
        .toSorted((a, b) => sign * (a.value - b.value))
        .slice(offset, offset + limit)
        .map(({ id }) => id);
      const found = await database.search.describe(ids);
      return { results: await resultsOf(found, terms.words), total };
    },

    /** Counts the values of each facet among the matches; `null` for a facet with 10,000 matches or more. */
    async countFacets(
      { text, ...filter }: Omit<SearchRequest, "offset" | "limit">,
      work: YieldingWork,
    ): Promise<FacetCounts> {
      const terms = termsOf(text);
      if (terms === undefined) return { os: [], os_version: [], architecture: [], type: [] };
      const { words } = terms;
      return countFacets(database.search, { ...filter, words }, countAtMost, work);
    },

    /** Whether any repository is visible. */
    async hasContent(visibility: VisibilityFilter): Promise<boolean> {
      return (await database.catalog.list(visibility, { limit: 1 })).items.length > 0;
    },
  };
}

/** Words and name of a search text; `undefined` for a text without letters or digits, which matches nothing. */
function termsOf(text: string) {
  const words = wordsOf(text);
  if (words.length === 0 && text.trim() !== "") return undefined;
  return { words, exact: nameIn(text) };
}

/** At most 16 words of a search text. */
function wordsOf(text: string): readonly string[] {
  const cut = split(text).map((word) => Array.from(word).slice(0, longestWord).join(""));
  return [...new Set(cut)].slice(0, wordsAtMost);
}

/** Splits a text into words, like the index does. The index also folds case and accents. */
function split(text: string): readonly string[] {
  const bare = text
    .normalize("NFC")
    .replaceAll(/[\u0300-\u036f]/g, "")
    .toLowerCase();
  // In SQLite's older Unicode tables the New Tai Lue signs (U+19B0 to U+19C9) are not letters, so they separate words.
  return bare.split(/[^\p{L}\p{N}\p{Co}]+|[\u19b0-\u19c9]+/u).filter((word) => word !== "");
}

/** A word without case and accents. */
const fold = (word: string): string =>
  word
    .normalize("NFD")
    .replaceAll(/\p{M}+/gu, "")
    .toUpperCase();

function matchedIn(
  words: readonly string[],
  { name, description }: FoundRepository,
): SearchResult["matched"] {
  if (words.length === 0) return undefined;
  const wanted = words.map(fold);
  const ofName = split(name).map(fold);
  const ofBoth = [...ofName, ...split(description).map(fold)];
  const isInName = (word: string): boolean => ofName.some((one) => one.includes(word));
  if (wanted.every(isInName)) return "name";
  return wanted.every((word) => isInName(word) || ofBoth.some((one) => one.startsWith(word)))
    ? "description"
    : "readme";
}

function nameIn(text: string): RepositoryName | undefined {
  try {
    return parseRepositoryName(text.trim().toLowerCase());
  } catch {
    return undefined;
  }
}

function resultOf(
  found: FoundRepository,
  count: PullCount | undefined,
  words: readonly string[],
): SearchResult {
  const { name, visibility, facets, description, stars, createdAtMs, updatedAtMs } = found;
  const isOfficial = namespaceOf(name) === defaultNamespace;
  const valuesOf = (wanted: Facet): readonly string[] =>
    facets.filter(({ facet }) => facet === wanted).map(({ value }) => value);
  return {
    name,
    shortName: shortNameOf(name),
    description,
    isOfficial,
    isPrivate: visibility === "private",
    stars,
    createdAtMs,
    updatedAtMs,
    pulls: count?.pulls ?? 0,
    lastPulledAtMs: count?.lastPulledAtMs,
    operatingSystems: valuesOf("os"),
    architectures: valuesOf("architecture"),
    osVersions: valuesOf("os_version"),
    types: valuesOf("type"),
    matched: matchedIn(words, found),
  };
}

/** Clients pull `library/alpine` as `alpine`, but `library/a/b` only by its full name. */
export function shortNameOf(name: RepositoryName): string {
  const [namespace, ...rest] = name.split("/");
  return namespace === defaultNamespace && rest.length === 1 ? (rest[0] ?? name) : name;
}
