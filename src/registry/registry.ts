import type { Database } from "../database/contract.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createBlobs, type Blobs } from "./blobs.ts";
import { createLeasePolicy, type Clock, type LeaseTimes } from "./leases.ts";
import { createManifests, type Manifests } from "./manifests.ts";
import type { Warnings } from "./blob-verification.ts";
import { createReferrers, type Referrers } from "./referrers.ts";
import { createRepositories, type Repositories } from "./repositories.ts";
import { createTags, type Tags } from "./tags.ts";
import type { UploadLocks } from "./uploads/locks.ts";
import { createRecentBlobs } from "./uploads/small-blobs.ts";
import { createUploads, type UploadLimits, type Uploads } from "./uploads/uploads.ts";

/** The registry operations that the HTTP routes call. */
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
  readonly database: Database;
  readonly clock: Clock;
  readonly sparse: boolean;
  /** Accepted manifest types besides those of OCI and Docker. */
  readonly moreTypes?: readonly string[];
  readonly rules: PushRules;
  /** `undefined`: the default limits. */
  readonly limits?: UploadLimits | undefined;
  readonly leaseTimes: LeaseTimes;
  readonly report: Warnings;
  /** See {@link createManifests}. */
  readonly demandSpace?: ((bytes: number) => Promise<void> | undefined) | undefined;
  /** See {@link createUploads}. */
  readonly locks?: UploadLocks | undefined;
  readonly isShared?: boolean | undefined;
}): Registry {
  const leasePolicy = createLeasePolicy(parts.clock, parts.leaseTimes);
  const recentBlobs = createRecentBlobs();
  const uploads = createUploads({ ...parts, leasePolicy, recentBlobs });
  return {
    blobs: createBlobs({ ...parts, leasePolicy }),
    uploads,
    manifests: createManifests({ ...parts, leasePolicy, recentBlobs }),
    tags: createTags({ ...parts, leasePolicy }),
    referrers: createReferrers(parts),
    repositories: createRepositories({ ...parts, uploads }),
  };
}
