import type * as z from "zod";
import { pageSchema, timeOf, timeOrNull } from "../../../api/fields.ts";
import {
  hubTagImagesSchema,
  hubTagListQuery,
  hubTagSchema,
  type hubImageSchema,
} from "../../../api/tags.ts";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import type { ImageWithLayers, TagWithActivity } from "../../../catalog/tags.ts";
import { OciError } from "../../../oci/errors.ts";
import { parseTag, type Tag } from "../../../oci/reference.ts";
import type { Registry } from "../../../registry/registry.ts";
import type { HubRequest, Route } from "../../route.ts";
import { notFound } from "../errors.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { repositoryRoutes } from "../repository-routes.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "tags">;
  readonly policy: HubPolicy;
  readonly registry: Pick<Registry, "manifests">;
  readonly pager: Pager;
}

/** Routes of the tags of a repository and their images. */
export function hubTagRoutes(parts: Parts): readonly Route[] {
  const { hub, registry } = parts;
  const seeTags = { of: "repository", permission: "see tags" } as const;
  return [
    ...repositoryRoutes({
      method: "get",
      rest: "/tags",
      requires: seeTags,
      summary: "The tags of a repository, the newest first",
      cacheable: true,
      query: hubTagListQuery,
      answer: pageSchema(hubTagSchema),
      handle: (request) => list(parts, request),
    }),
    ...repositoryRoutes({
      method: "get",
      rest: "/tags/:tag",
      requires: seeTags,
      summary: "A tag",
      answer: hubTagSchema,
      handle: async ({ repository, params, work }) =>
        presentTag(await hub.tags.get(repository, tagFrom(params["tag"]), work)),
    }),
    ...repositoryRoutes({
      method: "get",
      rest: "/tags/:tag/images",
      requires: seeTags,
      summary: "The images of a tag, with their layers",
      answer: hubTagImagesSchema,
      handle: (request) => listImages(parts, request),
    }),
    ...repositoryRoutes({ rest: "/tags/:tag", ...tagDeletion(registry) }),
  ];
}

/** The route that deletes a tag, without its path: the Hub-shaped and Berth's own API have it. */
export const tagDeletion = ({ manifests }: Pick<Registry, "manifests">) =>
  ({
    method: "delete",
    requires: { of: "repository", permission: "delete tags" },
    summary: "Deletes a tag; its manifest stays",
    status: 204,
    handle: ({ actor, repository, params }: HubRequest): Promise<void> =>
      manifests.delete(actor, repository, { kind: "tag", tag: tagFrom(params["tag"]) }),
  }) as const;

async function list(
  { hub, pager }: Parts,
  { ctx, repository, query, work }: HubRequest<z.output<typeof hubTagListQuery>>,
) {
  const order = query.ordering.endsWith("name") ? "name" : "updated";
  const descending = query.ordering !== "name";
  const { page, page_size: size, name: search } = query;
  const wanted = { page, size, search, order, descending } as const;
  const { count, items } = await hub.tags.list(repository, wanted, work);
  return pager.numbered(ctx, query, count, items.map(presentTag));
}

const seeContents = { of: "repository", permission: "see contents" } as const;

async function listImages(
  { hub, policy }: Parts,
  { session, repository, params, work }: HubRequest,
): Promise<z.input<typeof hubTagImagesSchema>> {
  const tag = await hub.tags.get(repository, tagFrom(params["tag"]), work);
  // An instruction can contain secrets (`ENV …`), so only callers that may pull the image config see it.
  const seesInstructions =
    (await policy.authorize(session, seeContents, { repository })) === "allowed";
  const images = await hub.tags.images(repository, tag, work);
  return images.map((image) => ({
    ...presentImage(image, tag),
    layers: image.layers.map((layer) => presentLayer(layer, seesInstructions)),
    layer_count: image.layerCount,
  }));
}

/** Parses a tag of a path. Throws 404 for an invalid tag. */
export function tagFrom(text: string | undefined): Tag {
  try {
    return parseTag(text ?? "");
  } catch (error) {
    if (error instanceof OciError) throw notFound();
    throw error;
  }
}

function presentTag(tag: TagWithActivity): z.input<typeof hubTagSchema> {
  return {
    id: tag.id,
    creator: tag.creatorId,
    name: tag.name,
    repository: tag.repositoryId,
    full_size: tag.fullSizeBytes,
    v2: true,
    last_updated: timeOf(tag.updatedAtMs),
    last_updater: tag.updaterId,
    last_updater_username: tag.updater ?? "",
    status: statusOf(tag),
    tag_status: statusOf(tag),
    tag_last_pulled: timeOrNull(tag.lastPulledAtMs),
    tag_last_pushed: timeOf(tag.updatedAtMs),
    media_type: tag.manifest.mediaType,
    content_type: tag.contentType,
    digest: tag.manifest.digest,
    images: tag.images.map((image) => presentImage(image, tag)),
    image_count: tag.imageCount,
    attestations: tag.attestations.map(({ digest, subject, sizeBytes }) => ({
      digest,
      reference_digest: subject,
      size: sizeBytes,
    })),
  };
}

const statusOf = ({ isStale }: TagWithActivity) =>
  isStale ? ("inactive" as const) : ("active" as const);

function presentImage(
  image: TagWithActivity["images"][number],
  tag: TagWithActivity,
): z.input<typeof hubImageSchema> {
  return {
    architecture: image.architecture,
    features: "",
    variant: image.variant,
    digest: image.digest,
    os: image.os,
    os_features: image.osFeatures.join(","),
    os_version: image.osVersion,
    size: image.sizeBytes,
    status: statusOf(tag),
    last_pulled: timeOrNull(tag.lastPulledAtMs),
    last_pushed: timeOrNull(image.pushedAtMs),
  };
}

function presentLayer(layer: ImageWithLayers["layers"][number], seesInstructions: boolean) {
  return {
    digest: layer.digest,
    size: layer.sizeBytes,
    instruction: seesInstructions ? layer.instruction : "",
  };
}
