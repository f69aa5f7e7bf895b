import type * as z from "zod";
import { followingQuery, pageQuery, pageSchema, timeOf, timeOrNull } from "../../api/fields.ts";
import {
  diffQuery,
  diffSchema,
  featuresAtMost,
  rollbackBody,
  rollbackSchema,
  tagItemSchema,
  tagMoveSchema,
  tagSchema,
  type imageSchema,
  type referrerSchema,
} from "../../api/tags.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ComparedImage, LayerList, TagDiff } from "../../catalog/tag-diff.ts";
import type { Image, TagWithImages } from "../../catalog/tag-inspector.ts";
import type { TagReferrer } from "../../catalog/tag-listing.ts";
import { parseDigest } from "../../oci/digest.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import type { TagMove } from "../../registry/tags.ts";
import type { Pager } from "../hub/pages.ts";
import { tagDeletion, tagFrom } from "../hub/tags/routes.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly registry: Pick<Registry, "tags" | "manifests">;
  readonly pager: Pager;
}

const repositoryPath = `${root}/repositories/*repository`;
const tagsPath = `${repositoryPath}/-/tags`;
const tagPath = `${tagsPath}/:tag`;
const see = { of: "repository", permission: "see tags" } as const;

/** Routes of Berth's own API for the tags of a repository: contents, history, rollback and diff. */
export function berthTagRoutes(parts: Parts): readonly Route[] {
  const { registry } = parts;
  return [
    route({
      method: "get",
      path: tagsPath,
      requires: see,
      summary: "The tags of a repository, by name",
      cacheable: true,
      query: followingQuery,
      answer: pageSchema(tagItemSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${repositoryPath}/-/diff`,
      requires: { of: "repository", permission: "see contents" },
      summary: "The differences of two tags: layers, sizes, configuration",
      query: diffQuery,
      answer: diffSchema,
      handle: (request) => diff(parts, request),
    }),
    route({
      method: "get",
      path: `${tagPath}/history`,
      requires: see,
      summary: "The earlier digests of a tag, the newest first; also of a deleted tag",
      query: pageQuery,
      answer: pageSchema(tagMoveSchema),
      handle: (request) => listMoves(parts, request),
    }),
    route({
      method: "post",
      path: `${tagPath}/rollback`,
      requires: { of: "repository", permission: "move tags" },
      summary: "Moves a tag to an earlier digest",
      body: rollbackBody,
      answer: rollbackSchema,
      handle: async ({ actor, repository, params, body }) => {
        const tag = tagFrom(params["tag"]);
        const wanted = body.digest ? parseDigest(body.digest) : undefined;
        const digest = await registry.tags.rollBack(actor, repository, tag, wanted);
        return { name: tag, digest };
      },
    }),
    route({
      method: "get",
      path: tagPath,
      requires: see,
      summary: "A tag with its images and its referrers",
      answer: tagSchema,
      handle: async ({ repository, params, work }) => {
        const tag = await parts.catalog.tags.get(repository, tagFrom(params["tag"]), work);
        return { ...presentTag(tag), referrers: tag.referrers.map(presentReferrer) };
      },
    }),
    route({ path: tagPath, ...tagDeletion(registry) }),
  ];
}

async function list(
  { catalog, pager }: Parts,
  { ctx, repository, query, work }: HubRequest<z.output<typeof followingQuery>>,
) {
  const page = { last: query.last as Tag | undefined, limit: query.page_size };
  const { items, total, more } = await catalog.tags.list(repository, page, work);
  const end = more ? items.at(-1)?.name : undefined;
  return pager.following(ctx, end, total, items.map(presentTag));
}

async function listMoves(
  { catalog, pager }: Parts,
  { ctx, repository, params, query }: HubRequest<z.output<typeof pageQuery>>,
) {
  const { page, page_size: limit } = query;
  const window = { skip: (page - 1) * limit, limit };
  const { items, total } = await catalog.tags.history(repository, tagFrom(params["tag"]), window);
  return pager.numbered(ctx, query, total, items.map(presentTagMove));
}

async function diff(
  { catalog }: Parts,
  { repository, query, work }: HubRequest<z.output<typeof diffQuery>>,
): Promise<z.input<typeof diffSchema>> {
  const [from, to] = [parseTag(query.from), parseTag(query.to)];
  const wanted = { repository, from, to, platform: query.platform };
  return presentDiff(await catalog.diffs.compare(wanted, work));
}

function presentTag(tag: TagWithImages): z.input<typeof tagItemSchema> {
  return {
    name: tag.name,
    digest: tag.manifest.digest,
    media_type: tag.manifest.mediaType,
    last_updated: timeOf(tag.updatedAtMs),
    last_updater: tag.updater ?? null,
    pull_count: tag.count?.pulls ?? 0,
    last_pulled: timeOrNull(tag.count?.lastPulledAtMs),
    size: tag.images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    images: tag.images.map(presentImage),
    image_count: tag.imageCount,
    attestations: tag.attestations.map(({ digest, subject, sizeBytes }) => ({
      digest,
      subject,
      size: sizeBytes,
    })),
  };
}

function presentImage(image: Image): z.input<typeof imageSchema> {
  return {
    os: image.os,
    architecture: image.architecture,
    variant: image.variant,
    os_version: image.osVersion,
    os_features: image.osFeatures.slice(0, featuresAtMost),
    digest: image.digest,
    size: image.sizeBytes,
    is_here: image.manifestId !== undefined,
  };
}

function presentReferrer(referrer: TagReferrer): z.input<typeof referrerSchema> {
  return {
    digest: referrer.digest,
    subject: referrer.subject,
    media_type: referrer.mediaType,
    artifact_type: referrer.artifactType,
    size: referrer.sizeBytes,
    tag: referrer.tag ?? null,
  };
}

function presentTagMove(move: TagMove): z.input<typeof tagMoveSchema> {
  const { digest, actor, changedAtMs, isHere } = move;
  return { digest, actor, changed_at: timeOf(changedAtMs), is_here: isHere };
}

function presentDiff(found: TagDiff): z.input<typeof diffSchema> {
  const { shared, added, removed } = found.layers;
  return {
    from: presentCompared(found.from),
    to: presentCompared(found.to),
    layers: {
      shared: presentLayers(shared),
      added: presentLayers(added),
      removed: presentLayers(removed),
    },
    layer_counts: { shared: shared.count, added: added.count, removed: removed.count },
    size_change: found.sizeChangeBytes,
    download_size: found.downloadBytes,
    config: found.config.map(({ field, from, to }) => ({ field, from, to })),
    config_change_count: found.configChangeCount,
  };
}

function presentCompared({ tag, digest, image, sizeBytes }: ComparedImage) {
  return { tag, digest, size: sizeBytes, image: presentImage(image) };
}

function presentLayers({ layers }: LayerList) {
  return layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
}
