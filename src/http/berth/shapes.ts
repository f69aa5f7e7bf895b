import type { FieldChange } from "../../hub/config-difference.ts";
import type { Image } from "../../hub/images.ts";
import type { RepositoryView } from "../../hub/repository-views.ts";
import type { SearchResult } from "../../hub/search.ts";
import type { Sizes } from "../../hub/sizes.ts";
import type { ComparedImage, Layer, TagDifference } from "../../hub/tag-difference.ts";
import type { TagContents, TagReferrer } from "../../hub/tag-views.ts";
import type { TagMove } from "../../registry/tags.ts";
import { shortNameOf } from "../../hub/search.ts";

/* How things are written at Berth's own addresses: words with underscores and times as Docker Hub has them. */

export const timeOf = (ms: number): string => new Date(ms).toISOString();
const timeOrNull = (ms: number | undefined): string | null =>
  ms === undefined ? null : timeOf(ms);

export function repositoryShape(view: RepositoryView) {
  const valuesOf = (wanted: string): readonly string[] =>
    view.facets.filter(({ facet }) => facet === wanted).map(({ value }) => value);
  return {
    name: view.name,
    short_name: shortNameOf(view.name),
    description: view.shortText,
    is_private: view.visibility === "private",
    immutable_tags: view.immutableTags,
    tag_count: view.tags,
    star_count: view.stars,
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

export function searchShape(result: SearchResult) {
  return {
    name: result.name,
    short_name: result.shortName,
    description: result.description,
    is_official: result.isOfficial,
    is_private: result.isPrivate,
    star_count: result.stars,
    pull_count: result.pulls,
    last_pulled: timeOrNull(result.lastPulledAtMs),
    operating_systems: result.operatingSystems,
    architectures: result.architectures,
    os_versions: result.osVersions,
    types: result.types,
    last_updated: timeOf(result.updatedAtMs),
  };
}

export function imageShape(image: Image) {
  return {
    os: image.os,
    architecture: image.architecture,
    variant: image.variant,
    os_version: image.osVersion,
    os_features: image.osFeatures,
    digest: image.digest,
    size: image.sizeBytes,
    is_here: image.manifestId !== undefined,
  };
}

export function tagShape(tag: TagContents) {
  return {
    name: tag.name,
    digest: tag.manifest.digest,
    media_type: tag.manifest.mediaType,
    last_updated: timeOf(tag.updatedAtMs),
    last_updater: tag.updater,
    pull_count: tag.count?.pulls ?? 0,
    last_pulled: timeOrNull(tag.count?.lastPulledAtMs),
    size: tag.images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    images: tag.images.map(imageShape),
    attestations: tag.attestations.map(({ digest, subject, sizeBytes }) => ({
      ...{ digest, subject, size: sizeBytes },
    })),
  };
}

export function referrerShape(referrer: TagReferrer) {
  return {
    digest: referrer.digest,
    subject: referrer.subject,
    media_type: referrer.mediaType,
    artifact_type: referrer.artifactType,
    size: referrer.sizeBytes,
    tag: referrer.tag ?? null,
  };
}

export function moveShape(move: TagMove) {
  const { digest, actor, changedAtMs, isHere } = move;
  return { digest, actor, changed_at: timeOf(changedAtMs), is_here: isHere };
}

export function sizesShape({ bytes, sharedBytes, uniqueBytes }: Sizes) {
  return { bytes, shared_bytes: sharedBytes, unique_bytes: uniqueBytes };
}

export function differenceShape(difference: TagDifference) {
  const { layers, config, sizeChangeBytes, downloadBytes } = difference;
  const compared = ({ tag, digest, image, sizeBytes }: ComparedImage) => ({
    ...{ tag, digest, size: sizeBytes, image: imageShape(image) },
  });
  const written = (all: readonly Layer[]) =>
    all.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
  return {
    from: compared(difference.from),
    to: compared(difference.to),
    layers: {
      shared: written(layers.shared),
      added: written(layers.added),
      removed: written(layers.removed),
    },
    size_change: sizeChangeBytes,
    download_size: downloadBytes,
    config: config.map(({ field, from, to }: FieldChange) => ({ field, from, to })),
  };
}
