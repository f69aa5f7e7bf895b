import * as z from "zod";
import type { RepositorySummary } from "../../catalog/repository-listing.ts";
import { shortNameOf, type SearchResult } from "../../catalog/search.ts";
import type { StorageUsage } from "../../catalog/storage-usage.ts";
import { time, timeOf, timeOrNull } from "../hub/times.ts";

/* How repositories are written at Berth's own addresses: words with underscores and times as Docker Hub has them. */

const found = {
  name: z.string().describe("Namespace and name."),
  short_name: z.string().describe("As one types it: alpine for library/alpine."),
  description: z.string(),
  is_private: z.boolean(),
  star_count: z.int(),
  pull_count: z.int(),
  last_pulled: time.nullable(),
  operating_systems: z.array(z.string()),
  architectures: z.array(z.string()),
  os_versions: z.array(z.string()).describe("Builds of Windows."),
  types: z.array(z.string()),
  last_updated: time,
};

export const searchResultSchema = z.object({ ...found, is_official: z.boolean() });

export const repositorySchema = z.object({
  ...found,
  immutable_tags: z.array(z.string()).nullable().describe("Patterns; none of them: all tags."),
  tag_count: z.int(),
  push_count: z.int(),
  storage_size: z.int(),
  date_registered: time,
});

export const repositoryPageSchema = repositorySchema.extend({ full_description: z.string() });

export const storageUsageSchema = z.object({
  bytes: z.int().describe("Of distinct blobs."),
  shared_bytes: z.int().describe("Of those that another repository shows too."),
  unique_bytes: z.int(),
});

export function presentRepository(view: RepositorySummary): z.input<typeof repositorySchema> {
  const valuesOf = (wanted: string): string[] =>
    view.facets.filter(({ facet }) => facet === wanted).map(({ value }) => value);
  return {
    name: view.name,
    short_name: shortNameOf(view.name),
    description: view.shortText,
    is_private: view.visibility === "private",
    immutable_tags: view.immutableTags === null ? null : [...view.immutableTags],
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

export function presentSearchResult(result: SearchResult): z.input<typeof searchResultSchema> {
  return {
    name: result.name,
    short_name: result.shortName,
    description: result.description,
    is_official: result.isOfficial,
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

export function presentStorageUsage({
  bytes,
  sharedBytes,
  uniqueBytes,
}: StorageUsage): z.input<typeof storageUsageSchema> {
  return { bytes, shared_bytes: sharedBytes, unique_bytes: uniqueBytes };
}
