import * as z from "zod";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { Repositories } from "../../registry/repositories.ts";
import { route, type Route } from "../route.ts";
import { followingQuery, pageOf, pageQuery, type Pager } from "../hub/pages.ts";
import { flag, words } from "../hub/requests.ts";
import { ordered } from "../hub/search/orders.ts";
import { sortQuery } from "../hub/search/routes.ts";
import {
  repositorySchema,
  repositoryPageSchema,
  presentRepository,
  searchResultSchema,
  presentSearchResult,
  storageUsageSchema,
  presentStorageUsage,
} from "./repository-schemas.ts";

/** Root path of Berth's own API. `/-/` ends the repository name in a path: no name component is a single dash. */
export const root = "/api/berth/v1";

const namespace = z
  .string()
  .max(100)
  .regex(/^[a-z0-9._-]*$/, "is no name of an account");
const searchQuery = z.object({
  ...pageQuery,
  ...sortQuery,
  query: z.string().max(1000).default(""),
  os: words,
  architecture: words,
  os_version: words,
  type: words,
  is_official: flag,
});
const listQuery = z.object({ ...followingQuery, namespace: namespace.optional() });

export function berthRepositoryRoutes(parts: {
  readonly catalog: Catalog;
  readonly registry: { readonly repositories: Repositories };
  readonly policy: HubPolicy;
  readonly pager: Pager;
}): readonly Route[] {
  const { catalog, registry, policy, pager } = parts;
  const name = `${root}/repositories/*repository`;
  const see = { of: "repository", permission: "see" } as const;
  return [
    route({
      method: "get",
      path: `${root}/search`,
      requires: { of: "anyone" },
      summary: "The repositories that match and that the caller may read, the best first",
      cacheable: true,
      query: searchQuery,
      answer: pageOf(searchResultSchema),
      handle: async ({ ctx, session, query }) => {
        const { page, page_size: limit, sort, order, is_official: isOfficial } = query;
        const { os, architecture, os_version, type } = query;
        const { results, total } = await ordered(
          {
            ...{ visibility: policy.visibilityFor(session), text: query.query, isOfficial },
            facets: { os, architecture, os_version, type },
          },
          { sort, order, offset: (page - 1) * limit, limit },
          catalog.search,
        );
        return pager.envelope(ctx, query, total, results.map(presentSearchResult));
      },
    }),
    route({
      method: "get",
      path: `${root}/repositories`,
      requires: { of: "anyone" },
      summary: "The repositories that the caller may read, by name",
      cacheable: true,
      query: listQuery,
      answer: pageOf(repositorySchema),
      handle: async ({ ctx, session, query }) => {
        const { last, page_size: limit } = query;
        const namespace = query.namespace ? parseNamespace(query.namespace) : undefined;
        const visibility = policy.visibilityFor(session);
        const page = { namespace, last, limit };
        const { items, total, more } = await catalog.repositories.list(visibility, page);
        const end = more ? items.at(-1)?.name : undefined;
        return pager.following(ctx, end, total, items.map(presentRepository));
      },
    }),
    route({
      method: "get",
      path: `${root}/namespaces/:namespace/sizes`,
      requires: { of: "anyone" },
      summary: "What the blobs of a namespace weigh, as far as the caller may read it",
      answer: storageUsageSchema.extend({ namespace: z.string(), repository_count: z.int() }),
      handle: async ({ session, namespace: text, work }) => {
        const namespace = parseNamespace(text);
        const report = await catalog.storageUsage.ofNamespace(
          ...([namespace, policy.visibilityFor(session), work] as const),
        );
        return { namespace, repository_count: report.repositories, ...presentStorageUsage(report) };
      },
    }),
    route({
      method: "get",
      path: `${name}/-/sizes`,
      requires: see,
      summary: "What the blobs of a repository weigh, shared and alone",
      answer: storageUsageSchema.extend({ name: z.string() }),
      handle: async ({ session, repository, work }) => {
        const { id } = await catalog.repositories.get(repository);
        const report = await catalog.storageUsage.ofRepository(
          id,
          policy.visibilityFor(session),
          work,
        );
        return { name: repository, ...presentStorageUsage(report) };
      },
    }),
    route({
      method: "get",
      path: name,
      requires: see,
      summary: "A repository",
      answer: repositoryPageSchema,
      handle: async ({ repository }) => {
        const view = await catalog.repositories.get(repository);
        return { ...presentRepository(view), full_description: view.fullText };
      },
    }),
    route({
      method: "delete",
      path: name,
      requires: { of: "repository", permission: "remove" },
      summary: "Deletes a repository with everything in it",
      status: 204,
      handle: ({ actor, repository }) => registry.repositories.delete(actor, repository),
    }),
  ];
}
