import * as z from "zod";
import type { HubPolicy } from "../../../auth/hub-policy.ts";
import type { HubCatalog } from "../hub.ts";
import { imagesAtMost } from "../../../catalog/tag-inspector.ts";
import {
  imageLayersAtMost,
  type ImageWithLayers,
  type TagWithActivity,
} from "../../../catalog/tags.ts";
import { OciError } from "../../../oci/errors.ts";
import { parseTag, type Tag } from "../../../oci/reference.ts";
import type { Registry } from "../../../registry/registry.ts";
import type { Route } from "../../route.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { notFound } from "../errors.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import { time, timeOf, timeOrNull } from "../times.ts";

const status = z.enum(["active", "inactive"]);
const imageSchema = z.object({
  architecture: z.string(),
  features: z.string(),
  variant: z.string().nullable(),
  digest: z.string(),
  os: z.string(),
  os_features: z.string(),
  os_version: z.string().nullable(),
  size: z.number().int(),
  status,
  last_pulled: time.nullable(),
  last_pushed: time.nullable(),
});
const imageWithLayersSchema = imageSchema.extend({
  layers: z
    .array(z.object({ digest: z.string(), size: z.number().int(), instruction: z.string() }))
    .max(imageLayersAtMost)
    .describe("The first 500, as far as an answer of 5000 layers goes."),
  layer_count: z.int().describe("How many there are."),
});
const tagSchema = z.object({
  id: z.number().int(),
  creator: z.number().int().nullable(),
  name: z.string(),
  repository: z.number().int(),
  full_size: z.number().int(),
  v2: z.boolean(),
  last_updated: time,
  last_updater: z.number().int().nullable(),
  last_updater_username: z.string(),
  status,
  tag_status: status,
  tag_last_pulled: time.nullable(),
  tag_last_pushed: time,
  media_type: z.string(),
  content_type: z.string(),
  digest: z.string(),
  images: z.array(imageSchema).max(imagesAtMost).describe("The first 100."),
  image_count: z.int().describe("How many there are."),
  attestations: z
    .array(z.object({ digest: z.string(), reference_digest: z.string().nullable(), size: z.int() }))
    .max(imagesAtMost)
    .describe("Provenance and SBOMs among the entries of the index; they are no images."),
});

const listQuery = z.object({
  ...pageQuery,
  name: z.string().max(255).optional(),
  // Clients send `last_updated` and `-last_updated`, and expect the newest tag first for both.
  ordering: z.enum(["last_updated", "-last_updated", "name", "-name"]).default("last_updated"),
});

export function hubTagRoutes(parts: {
  readonly hub: Pick<HubCatalog, "tags">;
  readonly policy: HubPolicy;
  readonly registry: Pick<Registry, "manifests">;
  readonly pager: Pager;
}): readonly Route[] {
  const { hub, registry, pager, policy } = parts;
  const contents = { of: "repository", permission: "see contents" } as const;
  const requires = { of: "repository", permission: "see tags" } as const;

  return [
    ...repositoryRoutes({
      method: "get",
      rest: "/tags",
      requires,
      summary: "The tags of a repository, the newest first",
      cacheable: true,
      query: listQuery,
      answer: pageOf(tagSchema),
      handle: async ({ ctx, repository, query, work }) => {
        const order = query.ordering.endsWith("name") ? "name" : "updated";
        const descending = query.ordering !== "name";
        const { page, page_size: size, name: search } = query;
        const asked = { page, size, search, order, descending } as const;
        const { count, items } = await hub.tags.list(repository, asked, work);
        return pager.envelope(ctx, query, count, items.map(presentTag));
      },
    }),
    ...repositoryRoutes({
      method: "get",
      rest: "/tags/:tag",
      requires,
      summary: "A tag",
      answer: tagSchema,
      handle: async ({ repository, params, work }) =>
        presentTag(await hub.tags.get(repository, tagFrom(params["tag"]), work)),
    }),
    ...repositoryRoutes({
      method: "get",
      rest: "/tags/:tag/images",
      requires,
      summary: "The images of a tag, with their layers",
      answer: z.array(imageWithLayersSchema).max(imagesAtMost),
      handle: async ({ session, repository, params, work }) => {
        const shown = await hub.tags.get(repository, tagFrom(params["tag"]), work);
        // An instruction can contain secrets (`ENV …`), so only callers that may pull the image config see it.
        const isOpen = (await policy.authorize(session, contents, { repository })) === "allowed";
        const images = await hub.tags.images(repository, shown, work);
        return images.map((one) => ({
          ...presentImage(one, shown),
          layers: one.layers.map((layer) =>
            presentLayer(isOpen ? layer : { ...layer, instruction: "" }),
          ),
          layer_count: one.layerCount,
        }));
      },
    }),
    ...repositoryRoutes({
      method: "delete",
      rest: "/tags/:tag",
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

/** Parses a tag of a path. Throws 404 for an invalid tag. */
export function tagFrom(text: string | undefined): Tag {
  try {
    return parseTag(text ?? "");
  } catch (error) {
    if (error instanceof OciError) throw notFound();
    throw error;
  }
}

function presentTag(tag: TagWithActivity): z.infer<typeof tagSchema> {
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
    images: tag.images.map((one) => presentImage(one, tag)),
    image_count: tag.imageCount,
    attestations: tag.attestations.map(({ digest, subject, sizeBytes }) => ({
      ...{ digest, reference_digest: subject, size: sizeBytes },
    })),
  };
}

const statusOf = ({ isStale }: TagWithActivity) =>
  isStale ? ("inactive" as const) : ("active" as const);

function presentImage(
  one: TagWithActivity["images"][number],
  tag: TagWithActivity,
): z.infer<typeof imageSchema> {
  return {
    architecture: one.architecture,
    features: "",
    variant: one.variant,
    digest: one.digest,
    os: one.os,
    os_features: one.osFeatures.join(","),
    os_version: one.osVersion,
    size: one.sizeBytes,
    status: statusOf(tag),
    last_pulled: timeOrNull(tag.lastPulledAtMs),
    last_pushed: timeOrNull(one.pushedAtMs),
  };
}

const presentLayer = ({
  digest,
  sizeBytes: size,
  instruction,
}: ImageWithLayers["layers"][number]) => ({
  ...{ digest, size, instruction },
});
