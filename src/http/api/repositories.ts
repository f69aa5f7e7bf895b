import { z } from "zod";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Browsing } from "../../catalog/catalog.ts";
import { parseNamespace } from "../../oci/name.ts";
import type { Repositories } from "../../registry/repositories.ts";
import { hubRoute, type HubRoute } from "../hub/route.ts";
import { followingQuery, pageOf, pageQuery, type Pager } from "../hub/pages.ts";
import { flag, words } from "../hub/requests.ts";
import { ordered } from "../hub/search/orders.ts";
import { sortQuery } from "../hub/search/routes.ts";
import {
  repositoryObject,
  repositoryPage,
  repositoryShape,
  searchResult,
  searchShape,
  sizesObject,
  sizesShape,
} from "./repository-schemas.ts";

/** Below this everything is our own; `/-/` ends the name of a repository, in which no component is a dash. */
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
  readonly browsing: Browsing;
  readonly registry: { readonly repositories: Repositories };
  readonly policy: HubPolicy;
  readonly pager: Pager;
}): readonly HubRoute[] {
  const { browsing, registry, policy, pager } = parts;
  const name = `${root}/repositories/*repository`;
  const see = { of: "repository", deed: "see" } as const;
  return [
    hubRoute({
      method: "get",
      path: `${root}/search`,
      needs: { of: "nobody" },
      summary: "The repositories that match and that the caller may read, the best first",
      kept: true,
      query: searchQuery,
      answer: pageOf(searchResult),
      handle: async ({ ctx, session, query }) => {
        const { page, page_size: limit, sort, order, is_official: isOfficial } = query;
        const { os, architecture, os_version, type } = query;
        const { results, total } = await ordered(
          {
            ...{ viewer: policy.viewerFor(session), text: query.query, isOfficial },
            facets: { os, architecture, os_version, type },
          },
          { sort, order, offset: (page - 1) * limit, limit },
          browsing.search,
        );
        return pager.envelope(ctx, query, total, results.map(searchShape));
      },
    }),
    hubRoute({
      method: "get",
      path: `${root}/repositories`,
      needs: { of: "nobody" },
      summary: "The repositories that the caller may read, by name",
      kept: true,
      query: listQuery,
      answer: pageOf(repositoryObject),
      handle: async ({ ctx, session, query }) => {
        const { last, page_size: limit } = query;
        const namespace = query.namespace ? parseNamespace(query.namespace) : undefined;
        const viewer = policy.viewerFor(session);
        const page = { namespace, last, limit };
        const { items, total, more } = await browsing.repositories.list(viewer, page);
        const end = more ? items.at(-1)?.name : undefined;
        return pager.following(ctx, end, total, items.map(repositoryShape));
      },
    }),
    hubRoute({
      method: "get",
      path: `${root}/namespaces/:namespace/sizes`,
      needs: { of: "nobody" },
      summary: "What the blobs of a namespace weigh, as far as the caller may read it",
      answer: sizesObject.extend({ namespace: z.string(), repository_count: z.int() }),
      handle: async ({ session, namespace: text, work }) => {
        const namespace = parseNamespace(text);
        const report = await browsing.sizes.ofNamespace(
          ...([namespace, policy.viewerFor(session), work] as const),
        );
        return { namespace, repository_count: report.repositories, ...sizesShape(report) };
      },
    }),
    hubRoute({
      method: "get",
      path: `${name}/-/sizes`,
      needs: see,
      summary: "What the blobs of a repository weigh, shared and alone",
      answer: sizesObject.extend({ name: z.string() }),
      handle: async ({ session, repository, work }) => {
        const { id } = await browsing.repositories.get(repository);
        const report = await browsing.sizes.ofRepository(id, policy.viewerFor(session), work);
        return { name: repository, ...sizesShape(report) };
      },
    }),
    hubRoute({
      method: "get",
      path: name,
      needs: see,
      summary: "A repository",
      answer: repositoryPage,
      handle: async ({ repository }) => {
        const view = await browsing.repositories.get(repository);
        return { ...repositoryShape(view), full_description: view.fullText };
      },
    }),
    hubRoute({
      method: "delete",
      path: name,
      needs: { of: "repository", deed: "remove" },
      summary: "Deletes a repository with everything in it",
      handle: ({ actor, repository }) => registry.repositories.delete(actor, repository),
    }),
  ];
}
