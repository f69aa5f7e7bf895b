import type { Context } from "koa";
import type { Policy } from "../../auth/policy.ts";
import type { Search, SearchResult } from "../../hub/search.ts";
import { namespaceOf } from "../../oci/name.ts";
import { callerOf } from "../caller.ts";
import { queryValue } from "../links.ts";
import type { Origins } from "../origins.ts";
import type { Route } from "../route.ts";
import { flag, ordered, values } from "./parameters.ts";
import { envelope, numberedPage, parseWholeNumber } from "./page.ts";

interface Parts {
  readonly search: Search;
  readonly policy: Policy;
  readonly origins: Origins;
}

/** The three addresses at which Docker Hub answers searches over HTTP, each in its own shape. */
export function hubSearchRoutes(parts: Parts): readonly Route[] {
  const permission = { kind: "browse" } as const;
  const route = (path: string, handle: (ctx: Context) => Promise<void>): Route => ({
    ...{ method: "get", path, permission, handle },
  });
  return [
    route("/v2/search/repositories", (ctx) => repositories(ctx, parts)),
    route("/api/search/v4", (ctx) => catalog(ctx, parts)),
    route("/api/content/v1/products/search", (ctx) => products(ctx, parts)),
  ];
}

async function repositories(ctx: Context, { search, policy, origins }: Parts): Promise<void> {
  const page = numberedPage(ctx);
  const viewer = policy.viewerFor(callerOf(ctx));
  const isOfficial = flag(ctx, "is_official");
  const found =
    flag(ctx, "is_automated") === true
      ? { results: [], total: 0 }
      : await search.find({
          ...{ viewer, isOfficial, offset: page.offset, limit: page.size },
          text: queryValue(ctx, "query") ?? "",
        });
  ctx.body = envelope(ctx, origins, page, {
    count: found.total,
    results: found.results.map((result) => ({
      repo_name: result.shortName,
      short_description: result.description,
      star_count: result.stars,
      pull_count: result.pulls,
      repo_owner: result.isOfficial ? "" : namespaceOf(result.name),
      is_automated: false,
      is_official: result.isOfficial,
    })),
  });
}

async function catalog(ctx: Context, { search, policy }: Parts): Promise<void> {
  const from = parseWholeNumber(queryValue(ctx, "from"), "from") ?? 0;
  const size = Math.min(parseWholeNumber(queryValue(ctx, "size"), "size") ?? 25, 100);
  const badges = values(ctx, "badges");
  const { results, total } = await ordered(
    {
      viewer: policy.viewerFor(callerOf(ctx)),
      text: queryValue(ctx, "query") ?? "",
      facets: {
        os: values(ctx, "operating_systems"),
        architecture: values(ctx, "architectures"),
        type: values(ctx, "type"),
      },
      ...(badges.includes("official") ? { isOfficial: true } : {}),
    },
    { sort: queryValue(ctx, "sort"), order: queryValue(ctx, "order"), offset: from, limit: size },
    search,
  );
  ctx.body = { total, results: results.map(productOf) };
}

async function products(ctx: Context, { search, policy, origins }: Parts): Promise<void> {
  const page = numberedPage(ctx);
  const source = queryValue(ctx, "source");
  const { results, total } = await search.find({
    viewer: policy.viewerFor(callerOf(ctx)),
    text: queryValue(ctx, "q") ?? queryValue(ctx, "query") ?? "",
    facets: {
      os: values(ctx, "operating_system"),
      architecture: values(ctx, "architecture"),
      type: values(ctx, "type"),
    },
    ...(source === undefined ? {} : { isOfficial: source === "library" }),
    ...{ offset: page.offset, limit: page.size },
  });
  const { results: _, ...rest } = envelope(ctx, origins, page, { count: total, results: [] });
  const summaries = results.map((result) => ({
    ...productOf(result),
    source: result.isOfficial ? "library" : "community",
  }));
  ctx.body = { ...rest, page: page.page, page_size: page.size, summaries };
}

function productOf(result: SearchResult) {
  const { name, shortName, isOfficial, description, types } = result;
  const owner = namespaceOf(name);
  const labelled = (values: readonly string[]) =>
    values.map((value) => ({ name: value, label: value }));
  return {
    ...{ id: name, name: shortName, slug: shortName, type: types[0] ?? "image" },
    publisher: { id: owner, name: owner },
    created_at: new Date(result.createdAtMs).toISOString(),
    updated_at: new Date(result.updatedAtMs).toISOString(),
    short_description: description,
    badge: isOfficial ? "official" : "none",
    star_count: result.stars,
    pull_count: roundedCount(result.pulls),
    operating_systems: labelled(result.operatingSystems),
    architectures: labelled(result.architectures),
    ...{ logo_url: {}, extension_reviewed: false, categories: [], archived: false },
  };
}

/** `1M+`, as a page shows it. */
export function roundedCount(count: number): string {
  for (const [unit, size] of [
    ["B", 1e9],
    ["M", 1e6],
    ["K", 1e3],
  ] as const)
    if (count >= size) return `${Math.floor(count / size)}${unit}+`;
  return String(count);
}
