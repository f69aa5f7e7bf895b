import type { Database } from "../database/contract.ts";
import type { Registry } from "../registry/registry.ts";
import type { PullCounts } from "./pull-counters.ts";
import { createLayerSharingReports, type LayerSharingReports } from "./layer-sharing.ts";
import { createActivity, type Activity } from "./activity.ts";
import { createManifestInspector, type ManifestInspector } from "./manifest-inspector.ts";
import { createReferrerInspector, type ReferrerInspector } from "./referrer-inspector.ts";
import { createPullHistory, type PullHistory } from "./pull-history.ts";
import { createRepositorySummaries, type RepositorySummaries } from "./repository-summaries.ts";
import { createSearch, type Search } from "./search.ts";
import { createStorageUsageReports, type StorageUsageReports } from "./storage-usage.ts";
import { createTagDiffs, type TagDiffs } from "./tag-diff.ts";
import { createTagRemoval, type TagRemoval } from "./tag-removal.ts";
import { createTagListing, type TagListing } from "./tag-listing.ts";

/** Search, listings, tag diffs and storage usage for Berth's own HTTP API. Search also serves the Hub-shaped API. */
export interface Catalog {
  readonly search: Search;
  readonly repositories: RepositorySummaries;
  readonly tags: TagListing;
  readonly manifests: ManifestInspector;
  readonly referrers: ReferrerInspector;
  readonly tagRemoval: TagRemoval;
  readonly layerSharing: LayerSharingReports;
  readonly pulls: PullHistory;
  readonly diffs: TagDiffs;
  readonly storageUsage: StorageUsageReports;
  readonly activity: Activity;
}

export function createCatalog(parts: {
  readonly database: Database;
  readonly counts: PullCounts;
  readonly registry: Pick<Registry, "blobs">;
  readonly clock: () => number;
  /** `gc.deleteUntagged` */
  readonly deletesUntagged: boolean;
}): Catalog {
  return {
    search: createSearch(parts),
    repositories: createRepositorySummaries(parts),
    tags: createTagListing(parts),
    manifests: createManifestInspector(parts),
    referrers: createReferrerInspector(parts),
    tagRemoval: createTagRemoval(parts),
    layerSharing: createLayerSharingReports(parts),
    pulls: createPullHistory(parts),
    diffs: createTagDiffs(parts),
    activity: createActivity(parts),
    storageUsage: createStorageUsageReports(parts),
  };
}
