import type { Database } from "../database/database.ts";
import type { Registry } from "../registry/registry.ts";
import type { Counts } from "./pull-counters.ts";
import { createRepositoryViews, type RepositoryViews } from "./repository-listing.ts";
import { createSearch, type Search } from "./search.ts";
import { createSizeReports, type SizeReports } from "./storage-usage.ts";
import { createTagDifferences, type TagDifferences } from "./tag-diff.ts";
import { createTagViews, type TagViews } from "./tag-listing.ts";

/** What is found and shown beyond what Docker Hub has, as the wire sees it. */
export interface Browsing {
  readonly search: Search;
  readonly repositories: RepositoryViews;
  readonly tags: TagViews;
  readonly differences: TagDifferences;
  readonly sizes: SizeReports;
}

export function createBrowsing(parts: {
  readonly database: Database;
  readonly counts: Counts;
  readonly registry: Pick<Registry, "blobs">;
}): Browsing {
  return {
    search: createSearch(parts),
    repositories: createRepositoryViews(parts),
    tags: createTagViews(parts),
    differences: createTagDifferences(parts),
    sizes: createSizeReports(parts),
  };
}
