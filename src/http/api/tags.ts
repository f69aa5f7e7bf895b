import * as z from "zod";
import type { Catalog } from "../../catalog/catalog.ts";
import { parseDigest } from "../../oci/digest.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import { route, type Route } from "../route.ts";
import { followingQuery, pageOf, pageQuery, type Pager } from "../hub/pages.ts";
import { tagFrom } from "../hub/tags/routes.ts";
import { diffSchema, presentDiff } from "./diff-schemas.ts";
import { root } from "./repositories.ts";
import {
  tagMoveSchema,
  presentTagMove,
  presentReferrer,
  tagSchema,
  tagPageSchema,
  presentTag,
} from "./tag-schemas.ts";

const name = `${root}/repositories/*repository`;
const tags = `${name}/-/tags`;

const differenceQuery = z.object({
  from: z.string().max(128),
  to: z.string().max(128),
  platform: z.string().max(255).optional().describe("linux/arm64/v8"),
});
const rollbackBody = z.object({
  digest: z.string().nullish().describe("One of its history; otherwise the last other one."),
});

/** Routes of the tags of a repository: contents, history, rollback and diff. */
export function berthTagRoutes(parts: {
  readonly catalog: Catalog;
  readonly registry: Pick<Registry, "tags" | "manifests">;
  readonly pager: Pager;
}): readonly Route[] {
  const { catalog, registry, pager } = parts;
  const see = { of: "repository", permission: "see tags" } as const;
  return [
    route({
      method: "get",
      path: tags,
      requires: see,
      summary: "The tags of a repository, by name",
      cacheable: true,
      query: z.object(followingQuery),
      answer: pageOf(tagSchema),
      handle: async ({ ctx, repository, query, work }) => {
        const page = { last: query.last as Tag | undefined, limit: query.page_size };
        const { items, total, more } = await catalog.tags.list(repository, page, work);
        return pager.following(
          ...([ctx, more ? items.at(-1)?.name : undefined, total, items.map(presentTag)] as const),
        );
      },
    }),
    route({
      method: "get",
      path: `${name}/-/diff`,
      requires: { of: "repository", permission: "see contents" },
      summary: "What makes two tags different: layers, sizes, configuration",
      query: differenceQuery,
      answer: diffSchema,
      handle: async ({ repository, query, work }) => {
        const [from, to] = [parseTag(query.from), parseTag(query.to)];
        const { platform } = query;
        const wanted = { repository, from, to, platform };
        return presentDiff(await catalog.diffs.compare(wanted, work));
      },
    }),
    route({
      method: "get",
      path: `${tags}/:tag/history`,
      requires: see,
      summary: "What a tag pointed at, the newest first, also one that is gone",
      query: z.object(pageQuery),
      answer: pageOf(tagMoveSchema),
      handle: async ({ ctx, repository, params, query }) => {
        const { page, page_size: limit } = query;
        const window = { skip: (page - 1) * limit, limit };
        const tag = tagFrom(params["tag"]);
        const { items, total } = await catalog.tags.history(repository, tag, window);
        return pager.envelope(ctx, query, total, items.map(presentTagMove));
      },
    }),
    route({
      method: "post",
      path: `${tags}/:tag/rollback`,
      requires: { of: "repository", permission: "move tags" },
      summary: "Points a tag where it pointed before",
      body: rollbackBody,
      answer: z.object({ name: z.string(), digest: z.string() }),
      handle: async ({ actor, repository, params, body }) => {
        const tag = tagFrom(params["tag"]);
        const wanted = body.digest ? parseDigest(body.digest) : undefined;
        const digest = await registry.tags.rollBack(actor, repository, tag, wanted);
        return { name: tag, digest };
      },
    }),
    route({
      method: "get",
      path: `${tags}/:tag`,
      requires: see,
      summary: "A tag with its images and with what refers to them",
      answer: tagPageSchema,
      handle: async ({ repository, params, work }) => {
        const tag = await catalog.tags.get(repository, tagFrom(params["tag"]), work);
        return { ...presentTag(tag), referrers: tag.referrers.map(presentReferrer) };
      },
    }),
    route({
      method: "delete",
      path: `${tags}/:tag`,
      requires: { of: "repository", permission: "delete tags" },
      summary: "Removes a tag; what it points at stays",
      status: 204,
      handle: async ({ actor, repository, params }) => {
        const tag = tagFrom(params["tag"]);
        await registry.manifests.delete(actor, repository, { kind: "tag", tag });
      },
    }),
  ];
}
