import type {
  Search,
  SearchMeasure,
  SearchRequest,
  SearchResults,
} from "../../../catalog/search.ts";

export const searchOrders = ["suggested", "pull_count", "star_count", "updated_at"] as const;
export type SearchOrder = (typeof searchOrders)[number];

const measures: Readonly<Record<Exclude<SearchOrder, "suggested">, SearchMeasure>> = {
  pull_count: "pulls",
  star_count: "stars",
  updated_at: "updatedAtMs",
};

/**
 * A page of the results in the requested order. Every order other than `suggested` sorts only the 1,000 best results.
 */
export function ordered(
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
  const page = { ...request, offset, limit };
  return sort === "suggested"
    ? search.find(page)
    : search.findBy(measures[sort], page, order === "asc");
}
