import * as z from "zod";
import { imagesAtMost, type Image, type TagWithImages } from "../../catalog/tag-inspector.ts";
import { shownReferrersAtMost, type TagReferrer } from "../../catalog/tag-listing.ts";
import type { TagMove } from "../../registry/tags.ts";
import { time, timeOf, timeOrNull } from "../hub/times.ts";

const featuresAtMost = 100;

export const imageSchema = z.object({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().nullable(),
  os_version: z.string().nullable().describe("The build of Windows."),
  os_features: z.array(z.string()).max(featuresAtMost),
  digest: z.string(),
  size: z.int().describe("Bytes of config and layers."),
  is_here: z.boolean().describe("False where an index names it and the repository has it not."),
});

export const tagSchema = z.object({
  name: z.string(),
  digest: z.string(),
  media_type: z.string(),
  last_updated: time,
  last_updater: z.string().nullable(),
  pull_count: z.int(),
  last_pulled: time.nullable(),
  size: z.int().describe("Bytes of the images that are shown."),
  images: z.array(imageSchema).max(imagesAtMost).describe("The first 100."),
  image_count: z.int().describe("How many there are."),
  attestations: z
    .array(z.object({ digest: z.string(), subject: z.string().nullable(), size: z.int() }))
    .max(imagesAtMost),
});

const referrerSchema = z.object({
  digest: z.string(),
  subject: z.string().describe("What the tag points at, or an image of it."),
  media_type: z.string(),
  artifact_type: z.string().nullable(),
  size: z.int(),
  tag: z.string().nullable().describe("Where it hangs on a tag like sha256-….sig."),
});

export const tagPageSchema = tagSchema.extend({
  referrers: z.array(referrerSchema).max(shownReferrersAtMost),
});

export const tagMoveSchema = z.object({
  digest: z.string().nullable().describe("Null: the tag was removed."),
  actor: z.string().nullable(),
  changed_at: time,
  is_here: z.boolean().describe("Whether the tag can be rolled back to it."),
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

export function presentTag(tag: TagWithImages): z.input<typeof tagSchema> {
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
      ...{ digest, subject, size: sizeBytes },
    })),
  };
}

export function presentReferrer(referrer: TagReferrer): z.input<typeof referrerSchema> {
  return {
    digest: referrer.digest,
    subject: referrer.subject,
    media_type: referrer.mediaType,
    artifact_type: referrer.artifactType,
    size: referrer.sizeBytes,
    tag: referrer.tag ?? null,
  };
}

export function presentTagMove(move: TagMove): z.input<typeof tagMoveSchema> {
  const { digest, actor, changedAtMs, isHere } = move;
  return { digest, actor, changed_at: timeOf(changedAtMs), is_here: isHere };
}
