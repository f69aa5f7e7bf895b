import * as z from "zod";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import type { Search, SearchResult } from "../../../catalog/search.ts";
import { namespaceOf } from "../../../oci/name.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import { flag, words } from "../requests.ts";
import { ordered, searchOrders } from "./orders.ts";
import { time, timeOf } from "../times.ts";

const text = z.string().max(1000).default("");
const labelled = z.array(z.object({ name: z.string(), label: z.string() }));

const productSchema = z.object({
  id: z.string(),
  name: z.string(),
  slug: z.string(),
  type: z.string(),
  publisher: z.object({ id: z.string(), name: z.string() }),
  created_at: time,
  updated_at: time,
  short_description: z.string(),
  badge: z.string(),
  star_count: z.int(),
  pull_count: z.string().describe("As a page shows it: 1M+"),
  operating_systems: labelled,
  architectures: labelled,
  logo_url: z.object({}),
  extension_reviewed: z.boolean(),
  categories: z.array(z.object({})),
  archived: z.boolean(),
});

export const sortQuery = {
  sort: z.preprocess((given) => given || undefined, z.enum(searchOrders).default("suggested")),
  order: z.preprocess((given) => given || undefined, z.enum(["asc", "desc"]).default("desc")),
};

const repositoriesQuery = z.object({
  ...pageQuery,
  query: text,
  is_official: flag,
  is_automated: flag,
});
const catalogQuery = z.object({
  ...sortQuery,
  query: text,
  from: z.coerce.number().int().min(0).max(1_000_000).default(0),
  size: z.coerce
    .number()
    .int()
    .min(0)
    .transform((size) => Math.min(size, 100))
    .default(25),
  badges: words,
  type: words,
  operating_systems: words,
  architectures: words,
});
const productsQuery = z.object({
  ...pageQuery,
  q: text,
  query: text,
  source: z.string().optional(),
  type: words,
  operating_system: words,
  architecture: words,
});

/** The three search endpoints of Docker Hub, each with its own response format. */
export function hubSearchRoutes(parts: {
  readonly search: Search;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}): readonly Route[] {
  const { search, policy, pager } = parts;
  const base = { method: "get", requires: { of: "anyone" }, cacheable: true } as const;
  const viewerOf = ({ session }: Pick<HubRequest, "session">) => policy.visibilityFor(session);
  return [
    route({
      ...base,
      path: "/v2/search/repositories",
      summary: "The repositories that match and that the caller may read",
      query: repositoriesQuery,
      answer: pageOf(
        z.object({
          repo_name: z.string(),
          short_description: z.string(),
          star_count: z.int(),
          pull_count: z.int(),
          repo_owner: z.string(),
          is_automated: z.boolean(),
          is_official: z.boolean(),
        }),
      ),
      handle: async ({ ctx, session, query }) => {
        const { page, page_size: limit, is_official: isOfficial } = query;
        const found =
          query.is_automated === true
            ? { results: [], total: 0 }
            : await search.find({
                ...{ visibility: viewerOf({ session }), text: query.query, isOfficial },
                ...{ offset: (page - 1) * limit, limit },
              });
        return pager.envelope(ctx, query, found.total, found.results.map(repositoryOf));
      },
    }),
    route({
      ...base,
      path: "/api/search/v4",
      summary: "Search as Docker Hub's own pages do it",
      query: catalogQuery,
      answer: z.object({ total: z.int(), results: z.array(productSchema) }),
      handle: async ({ session, query }) => {
        const { sort, order, from: offset, size: limit, type } = query;
        const { results, total } = await ordered(
          {
            ...{ visibility: viewerOf({ session }), text: query.query },
            facets: { os: query.operating_systems, architecture: query.architectures, type },
            ...(query.badges.includes("official") ? { isOfficial: true } : {}),
          },
          { sort, order, offset, limit },
          search,
        );
        return { total, results: results.map(presentProduct) };
      },
    }),
    route({
      ...base,
      path: "/api/content/v1/products/search",
      summary: "Search as older clients do it",
      query: productsQuery,
      answer: pageOf(productSchema)
        .omit({ results: true })
        .extend({
          page: z.int(),
          page_size: z.int(),
          summaries: z.array(productSchema.extend({ source: z.enum(["library", "community"]) })),
        }),
      handle: async ({ ctx, session, query }) => {
        const { page, page_size: limit, source, type } = query;
        const { results, total } = await search.find({
          ...{ visibility: viewerOf({ session }), text: query.q || query.query },
          facets: { os: query.operating_system, architecture: query.architecture, type },
          ...(source === undefined ? {} : { isOfficial: source === "library" }),
          ...{ offset: (page - 1) * limit, limit },
        });
        const { results: _, ...envelope } = pager.envelope(ctx, query, total, []);
        const summaries = results.map((result) => ({
          ...presentProduct(result),
          source: result.isOfficial ? ("library" as const) : ("community" as const),
        }));
        return { ...envelope, page, page_size: limit, summaries };
      },
    }),
  ];
}

const repositoryOf = (result: SearchResult) => ({
  repo_name: result.shortName,
  short_description: result.description,
  star_count: result.stars,
  pull_count: result.pulls,
  repo_owner: result.isOfficial ? "" : namespaceOf(result.name),
  is_automated: false,
  is_official: result.isOfficial,
});

function presentProduct(result: SearchResult): z.input<typeof productSchema> {
  const { name, shortName, isOfficial, description, types } = result;
  const owner = namespaceOf(name);
  const withLabels = (values: readonly string[]) =>
    values.map((value) => ({ name: value, label: value }));
  return {
    ...{ id: name, name: shortName, slug: shortName, type: types[0] ?? "image" },
    publisher: { id: owner, name: owner },
    created_at: timeOf(result.createdAtMs),
    updated_at: timeOf(result.updatedAtMs),
    short_description: description,
    badge: isOfficial ? "official" : "none",
    star_count: result.stars,
    pull_count: roundedCount(result.pulls),
    operating_systems: withLabels(result.operatingSystems),
    architectures: withLabels(result.architectures),
    ...{ logo_url: {}, extension_reviewed: false, categories: [], archived: false },
  };
}

/** Formats a count as Docker Hub's pages do: `1M+`. */
export function roundedCount(count: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const)
    if (count >= size) return `${Math.floor(count / size)}${unit}+`;
  return String(count);
}
