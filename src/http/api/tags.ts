import type * as z from "zod";
import { pageQuery, pageSchema, timeOf, timeOrNull } from "../../api/fields.ts";
import {
  featuresAtMost,
  isDescending,
  rollbackBody,
  rollbackSchema,
  tagItemSchema,
  tagListQuery,
  tagQuery,
  tagMoveSchema,
  tagSchema,
  type imageSchema,
  type referrerSchema,
} from "../../api/tags.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Artifact } from "../../catalog/artifacts.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { Image } from "../../catalog/tag-inspector.ts";
import type { ListedTag, ShownMove, TagReferrer } from "../../catalog/tag-listing.ts";
import { parseDigest } from "../../oci/digest.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import { HubError } from "../hub/errors.ts";
import type { Pager } from "../hub/pages.ts";
import { tagDeletion, tagFrom } from "../hub/tags/routes.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly registry: Pick<Registry, "tags" | "manifests">;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

const tagsPath = `${root}/repositories/*repository/-/tags`;
const tagPath = `${tagsPath}/:tag`;
const see = { of: "repository", permission: "see tags" } as const;

/** Routes of Berth's own API for the tags of a repository: contents, history and rollback. */
export function berthTagRoutes(parts: Parts): readonly Route[] {
  const { registry } = parts;
  return [
    route({
      method: "get",
      path: tagsPath,
      requires: see,
      summary: "The tags of a repository",
      cacheable: true,
      query: tagListQuery,
      answer: pageSchema(tagItemSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${tagPath}/history`,
      requires: see,
      summary: "The earlier digests of a tag, the newest first; also of a deleted tag",
      revalidates: true,
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
      revalidates: true,
      query: tagQuery,
      answer: tagSchema,
      handle: (request) => get(parts, request),
    }),
    route({ path: tagPath, ...tagDeletion(registry) }),
  ];
}

async function list(
  { catalog, pager }: Parts,
  { ctx, repository, query, work }: HubRequest<z.output<typeof tagListQuery>>,
) {
  const { last, page, page_size: limit, order, filter, os, architecture, unused_for } = query;
  const descending = isDescending(query);
  const isFiltered = filter !== "" || os.length + architecture.length > 0;
  const isByName = order === "name" && !descending && !isFiltered && unused_for === undefined;
  if (isByName && page === undefined) {
    const found = await catalog.tags.list(
      repository,
      { last: last as Tag | undefined, limit },
      work,
    );
    const end = found.more ? found.items.at(-1)?.name : undefined;
    return pager.following(ctx, end, found.total, found.items.map(presentTag));
  }
  if (last !== undefined)
    throw new HubError(400, "last: works only with the order by name, without filter and page");
  const numbered = { page: page ?? 1, page_size: limit };
  const wanted = { search: filter, os, architecture, unusedForDays: unused_for, order, descending };
  const tagQuery = { ...wanted, page: numbered.page, size: limit };
  const { count, items } = await catalog.tags.find(repository, tagQuery, work);
  return pager.numbered(ctx, numbered, count, items.map(presentTag));
}

async function get(
  { catalog, policy }: Parts,
  { session, repository, params, query, work }: HubRequest<z.output<typeof tagQuery>>,
): Promise<z.input<typeof tagSchema>> {
  const tag = await catalog.tags.get(repository, tagFrom(params["tag"]), work);
  const shown = { ...presentTag(tag), referrers: tag.referrers.map(presentReferrer) };
  if (query.frees !== true) return shown;
  const visibility = policy.visibilityFor(session);
  const bytes = await catalog.tagRemoval.frees(tag.repositoryId, [tag.name], visibility, work);
  return { ...shown, frees: bytes ?? null };
}

async function listMoves(
  { catalog, pager, policy }: Parts,
  { ctx, session, repository, params, query }: HubRequest<z.output<typeof pageQuery>>,
) {
  const { page, page_size: limit } = query;
  const window = { skip: (page - 1) * limit, limit };
  const { items, total } = await catalog.tags.history(repository, tagFrom(params["tag"]), window);
  const moveTags = { of: "repository", permission: "move tags" } as const;
  const withLabel = (await policy.authorize(session, moveTags, { repository })) === "allowed";
  const presented = items.map((move) => presentTagMove(move, withLabel));
  return pager.numbered(ctx, query, total, presented);
}

function presentTag(tag: ListedTag): z.input<typeof tagItemSchema> {
  return {
    name: tag.name,
    digest: tag.manifest.digest,
    media_type: tag.manifest.mediaType,
    artifact: tag.artifact === undefined ? null : presentArtifact(tag.artifact),
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
    aliases: [...tag.aliases],
    is_immutable: tag.isImmutable,
    is_signed: tag.isSigned,
  };
}

const presentArtifact = ({ type, label, name, version, appVersion }: Artifact) => ({
  ...{ type, label, name: name ?? null },
  ...{ version: version ?? null, app_version: appVersion ?? null },
});

export function presentImage(image: Image): z.input<typeof imageSchema> {
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

/** Labels of access tokens need the permission to move the tag: a public repository has anonymous readers. */
function presentTagMove(move: ShownMove, withLabel: boolean): z.input<typeof tagMoveSchema> {
  const { digest, actor, changedAtMs, manifestId, isRollback, tags } = move;
  const reason = isRollback ? "rollback" : "push";
  return {
    ...{ digest, actor, token_label: withLabel ? move.tokenLabel : null },
    ...{ changed_at: timeOf(changedAtMs), is_here: manifestId !== null },
    ...{ reason: digest === null ? "delete" : reason, tags: [...tags] },
  };
}
