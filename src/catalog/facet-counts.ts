import type { YieldingWork } from "../concurrency/yielding-work.ts";
import { facetValuesAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import { facets, type Facet, type SearchFilter } from "../database/catalog/search-index.ts";

/** How many of the repositories that match have a value. */
export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

/** For each facet its most frequent values, at most 50; `null`: too many repositories match to be counted. */
export type FacetCounts = Readonly<Record<Facet, readonly ValueCount[] | null>>;

/** Repositories per query. Each has at most 100 values of a facet: the query of 20,000 rows takes 35 ms. */
const repositoriesAtOnce = 50;
/** Distinct values of one facet in memory, about 200 bytes each. Values that come later are not counted. */
const distinctValuesAtMost = 10_000;

/**
 * Counts the values of the repositories that match and that the principal may read. The filter of a facet does not
 * restrict its own counts, so that they show what a second value would add.
 * @param repositoriesAtMost the facet is not counted for as many matches
 */
export async function countFacets(
  search: Database["search"],
  filter: SearchFilter,
  repositoriesAtMost: number,
  work: YieldingWork,
): Promise<FacetCounts> {
  const isFiltered = (facet: Facet): boolean => (filter.facets?.[facet] ?? []).length > 0;
  const unfiltered = facets.filter((facet) => !isFiltered(facet));
  const groups = [unfiltered, ...facets.filter(isFiltered).map((facet) => [facet])];
  const found = new Map<Facet, readonly ValueCount[]>();
  for (const group of groups) {
    if (group.length === 0) continue;
    await work.step();
    const others = { ...filter.facets, ...Object.fromEntries(group.map((facet) => [facet, []])) };
    const ids = await search.all({ ...filter, facets: others }, repositoriesAtMost);
    if (ids === undefined) continue;
    const counts = await countIn(search, ids, group, work);
    for (const facet of group) found.set(facet, mostFrequent(counts.get(facet)));
  }
  return Object.fromEntries(
    facets.map((facet) => [facet, found.get(facet) ?? null]),
  ) as FacetCounts;
}

type Counts = ReadonlyMap<string, number>;

async function countIn(
  search: Database["search"],
  ids: readonly number[],
  wanted: readonly Facet[],
  work: YieldingWork,
): Promise<ReadonlyMap<Facet, Counts>> {
  const counts = new Map(wanted.map((facet) => [facet, new Map<string, number>()]));
  // Rows of neighbours are on the same pages of the database.
  const inOrder = ids.toSorted((a, b) => a - b);
  for (let start = 0; start < inOrder.length; start += repositoriesAtOnce) {
    await work.step();
    const slice = inOrder.slice(start, start + repositoriesAtOnce);
    for (const { facet, value, repositories } of await search.countFacets(slice, wanted)) {
      const values = counts.get(facet);
      const before = values?.get(value);
      if (values === undefined || (before === undefined && values.size >= distinctValuesAtMost))
        continue;
      values.set(value, (before ?? 0) + repositories);
    }
  }
  return counts;
}

function mostFrequent(counts: Counts = new Map()): readonly ValueCount[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, facetValuesAtMost);
}
