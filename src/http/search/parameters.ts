import type { Context } from "koa";
import type { Search, SearchRequest, SearchResult, SearchResults } from "../../hub/search.ts";
import { OciError } from "../../oci/errors.ts";
import { queryValue, queryValues } from "../links.ts";

/** All values of a parameter, which may come separated by commas or repeated. */
export function values(ctx: Context, key: string): readonly string[] {
  const words = queryValues(ctx, key).flatMap((text) => text.split(","));
  return [...new Set(words.map((word) => word.trim()).filter((word) => word !== ""))];
}

/** `true`, `false` and what people write for them. */
export function flag(ctx: Context, key: string): boolean | undefined {
  const text = queryValue(ctx, key)?.toLowerCase();
  if (text === undefined || text === "") return undefined;
  return ["1", "true", "yes"].includes(text);
}

/** As many of the best as another order than that of the index is made of. */
const sortedAtMost = 1000;

const measures: Readonly<Record<string, (result: SearchResult) => number>> = {
  pull_count: ({ pulls }) => pulls,
  star_count: ({ stars }) => stars,
  updated_at: ({ updatedAtMs }) => updatedAtMs,
};

/** A page of the results in the order that was asked for, of the best thousand if it is not their own. */
export async function ordered(
  request: Omit<SearchRequest, "offset" | "limit">,
  wanted: {
    readonly sort: string | undefined;
    readonly order: string | undefined;
    readonly offset: number;
    readonly limit: number;
  },
  search: Search,
): Promise<SearchResults> {
  const { sort, order, offset, limit } = wanted;
  if (sort === undefined || sort === "" || sort === "suggested")
    return search.find({ ...request, offset, limit });
  const measure = measures[sort];
  if (measure === undefined)
    throw new OciError("UNSUPPORTED", `sort is one of ${Object.keys(measures).join(", ")}`, {
      status: 400,
    });
  const sign = order === "asc" ? 1 : -1;
  const { results, total } = await search.find({ ...request, offset: 0, limit: sortedAtMost });
  const sorted = results.toSorted((a, b) => sign * (measure(a) - measure(b)));
  return { results: sorted.slice(offset, offset + limit), total };
}
