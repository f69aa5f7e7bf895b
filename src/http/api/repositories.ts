import type * as z from "zod";
import { pageSchema, timeOf, timeOrNull } from "../../api/fields.ts";
import {
  namespaceUsageSchema,
  repositoryItemSchema,
  repositoryListQuery,
  repositorySchema,
  repositoryUsageSchema,
} from "../../api/repositories.ts";
import {
  searchQuery,
  searchSchema,
  type searchFacetsSchema,
  type searchResultSchema,
} from "../../api/search.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { FacetCounts } from "../../catalog/facet-counts.ts";
import type { RepositorySummary } from "../../catalog/repository-summaries.ts";
import { shortNameOf, type SearchRequest, type SearchResult } from "../../catalog/search.ts";
import type { StorageUsage } from "../../catalog/storage-usage.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { Repositories } from "../../registry/repositories.ts";
import type { Pager } from "../hub/pages.ts";
import { searchInOrder } from "../hub/search/routes.ts";
import { route, type HubRequest, type Route } from "../route.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly registry: { readonly repositories: Repositories };
  readonly policy: HubPolicy;
  readonly pager: Pager;
  /** The visibility of each mirror, by its namespace. */
  readonly mirrored: ReadonlyMap<string, "private" | "public">;
}

/** Root path of Berth's own API. `/-/` ends the repository name in a path: no name component is a single dash. */
export const root = "/api/berth/v1";
const repositoryPath = `${root}/repositories/*repository`;
const see = { of: "repository", permission: "see" } as const;

/** Routes of Berth's own API for repositories: search, list, storage usage, and a repository itself. */
export function berthRepositoryRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${root}/search`,
      requires: { of: "anyone" },
      summary: "The repositories that match and that the caller may read, the best first",
      cacheable: true,
      query: searchQuery,
      answer: searchSchema,
      handle: (request) => search(parts, request),
    }),
    route({
      method: "get",
      path: `${root}/repositories`,
      requires: { of: "anyone" },
      summary: "The repositories that the caller may read, by name",
      cacheable: true,
      query: repositoryListQuery,
      answer: pageSchema(repositoryItemSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${root}/namespaces/:namespace/sizes`,
      requires: { of: "anyone" },
      summary:
        "The bytes of the blobs of a namespace, in the repositories that the caller may read",
      answer: namespaceUsageSchema,
      handle: (request) => usageOfNamespace(parts, request),
    }),
    route({
      method: "get",
      path: `${repositoryPath}/-/sizes`,
      requires: see,
      summary: "The bytes of the blobs of a repository, shared and unique",
      answer: repositoryUsageSchema,
      handle: (request) => usageOfRepository(parts, request),
    }),
    route({
      method: "get",
      path: repositoryPath,
      requires: see,
      summary: "A repository",
      revalidates: true,
      answer: repositorySchema,
      handle: async ({ repository }) => {
        const found = await parts.catalog.repositories.get(repository);
        return { ...presentRepository(found), full_description: found.fullText };
      },
    }),
    route({
      method: "delete",
      path: repositoryPath,
      requires: { of: "repository", permission: "remove" },
      summary: "Deletes a repository with everything in it",
      status: 204,
      handle: ({ actor, repository }) => parts.registry.repositories.delete(actor, repository),
    }),
  ];
}

async function search(
  { catalog, policy, pager, mirrored }: Parts,
  { ctx, session, query, work }: HubRequest<z.output<typeof searchQuery>>,
): Promise<z.input<typeof searchSchema>> {
  const { page, page_size: limit, sort, order, is_official: isOfficial } = query;
  const { os, architecture, os_version, type } = query;
  const request = {
    visibility: policy.visibilityFor(session),
    text: query.query,
    isOfficial,
    facets: { os, architecture, os_version, type },
    ...namespacesOf(query, mirrored),
  };
  const window = { sort, order, offset: (page - 1) * limit, limit };
  const { results, total } = await searchInOrder(request, window, catalog.search);
  const found = pager.numbered(ctx, query, total, results.map(presentSearchResult));
  if (query.facets !== true) return found;
  return { ...found, facets: presentFacets(await catalog.search.countFacets(request, work)) };
}

/** The namespaces to which `namespace` and `where` restrict a search. */
function namespacesOf(
  { namespace, where }: z.output<typeof searchQuery>,
  mirrored: Parts["mirrored"],
): Pick<SearchRequest, "namespaces" | "withoutNamespaces"> {
  const named = namespace.length === 0 ? undefined : namespace.map(parseNamespace);
  if (where === "mirrored")
    return { namespaces: named?.filter((name) => mirrored.has(name)) ?? [...mirrored.keys()] };
  return {
    namespaces: named,
    ...(where === "hosted" && { withoutNamespaces: [...mirrored.keys()] }),
  };
}

async function list(
  { catalog, policy, pager }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof repositoryListQuery>>,
) {
  const { last, page_size: limit } = query;
  const namespace = query.namespace ? parseNamespace(query.namespace) : undefined;
  const page = { namespace, last, limit };
  const found = await catalog.repositories.list(policy.visibilityFor(session), page);
  const end = found.more ? found.items.at(-1)?.name : undefined;
  return pager.following(ctx, end, found.total, found.items.map(presentRepository));
}

async function usageOfNamespace(
  { catalog, policy }: Parts,
  { session, namespace: text, work }: HubRequest,
): Promise<z.input<typeof namespaceUsageSchema>> {
  const namespace = parseNamespace(text);
  const visibility = policy.visibilityFor(session);
  const usage = await catalog.storageUsage.ofNamespace(namespace, visibility, work);
  return { namespace, repository_count: usage.repositories, ...presentStorageUsage(usage) };
}

async function usageOfRepository(
  { catalog, policy }: Parts,
  { session, repository, work }: HubRequest,
): Promise<z.input<typeof repositoryUsageSchema>> {
  const { id } = await catalog.repositories.get(repository);
  const usage = await catalog.storageUsage.ofRepository(id, policy.visibilityFor(session), work);
  return { name: repository, ...presentStorageUsage(usage) };
}

function presentRepository(view: RepositorySummary): z.input<typeof repositoryItemSchema> {
  const valuesOf = (wanted: string): string[] =>
    view.facets.filter(({ facet }) => facet === wanted).map(({ value }) => value);
  return {
    name: view.name,
    short_name: shortNameOf(view.name),
    description: view.shortText,
    is_private: view.visibility === "private",
    immutable_tags: view.immutableTags === null ? null : [...view.immutableTags],
    tag_count: view.tagCount,
    star_count: view.starCount,
    pull_count: view.count?.pulls ?? 0,
    push_count: view.count?.pushes ?? 0,
    last_pulled: timeOrNull(view.count?.lastPulledAtMs),
    storage_size: view.sizeBytes,
    operating_systems: valuesOf("os"),
    architectures: valuesOf("architecture"),
    os_versions: valuesOf("os_version"),
    types: valuesOf("type"),
    date_registered: timeOf(view.createdAtMs),
    last_updated: timeOf(view.updatedAtMs),
  };
}

function presentSearchResult(result: SearchResult): z.input<typeof searchResultSchema> {
  return {
    name: result.name,
    short_name: result.shortName,
    description: result.description,
    is_official: result.isOfficial,
    matched: result.matched ?? null,
    is_private: result.isPrivate,
    star_count: result.stars,
    pull_count: result.pulls,
    last_pulled: timeOrNull(result.lastPulledAtMs),
    operating_systems: [...result.operatingSystems],
    architectures: [...result.architectures],
    os_versions: [...result.osVersions],
    types: [...result.types],
    last_updated: timeOf(result.updatedAtMs),
  };
}

function presentFacets(counts: FacetCounts): z.input<typeof searchFacetsSchema> {
  const valuesOf = (facet: keyof FacetCounts) =>
    counts[facet]?.map(({ value, count }) => ({ value, count })) ?? null;
  return {
    os: valuesOf("os"),
    os_version: valuesOf("os_version"),
    architecture: valuesOf("architecture"),
    type: valuesOf("type"),
  };
}

function presentStorageUsage({ bytes, sharedBytes, uniqueBytes }: StorageUsage) {
  return { bytes, shared_bytes: sharedBytes, unique_bytes: uniqueBytes };
}
