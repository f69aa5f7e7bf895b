import type * as z from "zod";
import { pageSchema, timeOf } from "../../../api/fields.ts";
import {
  hubPageSearchQuery,
  hubPageSearchSchema,
  hubProductSearchQuery,
  hubProductSearchSchema,
  hubSearchQuery,
  hubSearchResultSchema,
  type hubProductSchema,
  type SearchOrder,
} from "../../../api/search.ts";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import type {
  Search,
  SearchMeasure,
  SearchRequest,
  SearchResult,
  SearchResults,
} from "../../../catalog/search.ts";
import { namespaceOf } from "../../../oci/name.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import type { Pager } from "../pages.ts";

interface Parts {
  readonly search: Search;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

/** The three search endpoints of Docker Hub, each with its own response format. */
export function hubSearchRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: "/v2/search/repositories",
      requires: { of: "anyone" },
      summary: "The repositories that match and that the caller may read",
      cacheable: true,
      query: hubSearchQuery,
      answer: pageSchema(hubSearchResultSchema),
      handle: (request) => searchRepositories(parts, request),
    }),
    route({
      method: "get",
      path: "/api/search/v4",
      requires: { of: "anyone" },
      summary: "The search of Docker Hub's own pages",
      cacheable: true,
      query: hubPageSearchQuery,
      answer: hubPageSearchSchema,
      handle: (request) => searchForPages(parts, request),
    }),
    route({
      method: "get",
      path: "/api/content/v1/products/search",
      requires: { of: "anyone" },
      summary: "The search of older clients",
      cacheable: true,
      query: hubProductSearchQuery,
      answer: hubProductSearchSchema,
      handle: (request) => searchProducts(parts, request),
    }),
  ];
}

async function searchRepositories(
  { search, policy, pager }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof hubSearchQuery>>,
) {
  const { page, page_size: limit, query: text, is_official: isOfficial } = query;
  const visibility = policy.visibilityFor(session);
  const { results, total } =
    query.is_automated === true
      ? { results: [], total: 0 }
      : await search.find({ visibility, text, isOfficial, offset: (page - 1) * limit, limit });
  return pager.numbered(ctx, query, total, results.map(presentResult));
}

async function searchForPages(
  { search, policy }: Parts,
  { session, query }: HubRequest<z.output<typeof hubPageSearchQuery>>,
): Promise<z.input<typeof hubPageSearchSchema>> {
  const { sort, order, from: offset, size: limit, type } = query;
  const { results, total } = await searchInOrder(
    {
      visibility: policy.visibilityFor(session),
      text: query.query,
      facets: { os: query.operating_systems, architecture: query.architectures, type },
      ...(query.badges.includes("official") ? { isOfficial: true } : {}),
    },
    { sort, order, offset, limit },
    search,
  );
  return { total, results: results.map(presentProduct) };
}

async function searchProducts(
  { search, policy, pager }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof hubProductSearchQuery>>,
): Promise<z.input<typeof hubProductSearchSchema>> {
  const { page, page_size: limit, source, type } = query;
  const { results, total } = await search.find({
    visibility: policy.visibilityFor(session),
    text: query.q || query.query,
    facets: { os: query.operating_system, architecture: query.architecture, type },
    ...(source === undefined ? {} : { isOfficial: source === "library" }),
    offset: (page - 1) * limit,
    limit,
  });
  const { results: _, ...envelope } = pager.numbered(ctx, query, total, []);
  const summaries = results.map((result) => ({
    ...presentProduct(result),
    source: result.isOfficial ? ("library" as const) : ("community" as const),
  }));
  return { ...envelope, page, page_size: limit, summaries };
}

const measures: Readonly<Record<Exclude<SearchOrder, "suggested">, SearchMeasure>> = {
  pull_count: "pulls",
  star_count: "stars",
  updated_at: "updatedAtMs",
};

/**
 * A page of the results in the requested order. Every order other than `suggested` sorts only the 1,000 best results.
 */
export function searchInOrder(
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

function presentResult(result: SearchResult): z.input<typeof hubSearchResultSchema> {
  return {
    repo_name: result.shortName,
    short_description: result.description,
    star_count: result.stars,
    pull_count: result.pulls,
    repo_owner: result.isOfficial ? "" : namespaceOf(result.name),
    is_automated: false,
    is_official: result.isOfficial,
  };
}

function presentProduct(result: SearchResult): z.input<typeof hubProductSchema> {
  const owner = namespaceOf(result.name);
  const withLabels = (values: readonly string[]) =>
    values.map((value) => ({ name: value, label: value }));
  return {
    id: result.name,
    name: result.shortName,
    slug: result.shortName,
    type: result.types[0] ?? "image",
    publisher: { id: owner, name: owner },
    created_at: timeOf(result.createdAtMs),
    updated_at: timeOf(result.updatedAtMs),
    short_description: result.description,
    badge: result.isOfficial ? "official" : "none",
    star_count: result.stars,
    pull_count: roundedCount(result.pulls),
    operating_systems: withLabels(result.operatingSystems),
    architectures: withLabels(result.architectures),
    logo_url: {},
    extension_reviewed: false,
    categories: [],
    archived: false,
  };
}

/** Formats a count as Docker Hub's pages do: `1M+`. */
function roundedCount(count: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const)
    if (count >= size) return `${Math.floor(count / size)}${unit}+`;
  return String(count);
}
