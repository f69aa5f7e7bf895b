import type { Metadata } from "../metadata/metadata.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createBlobs, type Blobs } from "./blobs.ts";
import type { Clock } from "./clock.ts";
import { createManifests, type Manifests } from "./manifests.ts";
import { createReferrers, type Referrers } from "./referrers.ts";
import { createRepositories, type Repositories } from "./repositories.ts";
import { createTags, type Tags } from "./tags.ts";
import { createUploads, type Uploads } from "./uploads/uploads.ts";

/** The domain, as the wire sees it. */
export interface Registry {
  readonly blobs: Blobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly repositories: Repositories;
}

export function createRegistry(parts: {
  readonly store: BlobStore;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly sparse: boolean;
}): Registry {
  return {
    blobs: createBlobs(parts),
    uploads: createUploads(parts),
    manifests: createManifests(parts),
    tags: createTags(parts),
    referrers: createReferrers(parts),
    repositories: createRepositories(parts),
  };
}
