import type { Search, SearchRequest, SearchResult, SearchResults } from "../../hub/search.ts";

/** As many of the best as another order than that of the index is made of. */
const sortedAtMost = 1000;

export const searchOrders = ["suggested", "pull_count", "star_count", "updated_at"] as const;
export type SearchOrder = (typeof searchOrders)[number];

const measures: Readonly<
  Record<Exclude<SearchOrder, "suggested">, (result: SearchResult) => number>
> = {
  pull_count: ({ pulls }) => pulls,
  star_count: ({ stars }) => stars,
  updated_at: ({ updatedAtMs }) => updatedAtMs,
};

/** A page of the results in the order that was asked for, of the best thousand if it is not their own. */
export async function ordered(
  request: Omit<SearchRequest, "offset" | "limit">,
  wanted: {
    readonly sort: SearchOrder;
    readonly order: "asc" | "desc";
    readonly offset: number;
    readonly limit: number;
  },
  search: Search,
): Promise<SearchResults> {
  const { sort, order, offset, limit } = wanted;
  if (sort === "suggested") return search.find({ ...request, offset, limit });
  const measure = measures[sort];
  const sign = order === "asc" ? 1 : -1;
  const { results, total } = await search.find({ ...request, offset: 0, limit: sortedAtMost });
  const sorted = results.toSorted((a, b) => sign * (measure(a) - measure(b)));
  return { results: sorted.slice(offset, offset + limit), total };
}
