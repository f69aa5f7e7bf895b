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
import { createRecentBlobs } from "./recent-blobs.ts";
import { createUploads, type UploadLimits, type Uploads } from "./uploads/uploads.ts";

/**
 * The operations of push and pull. They throw OciError for the failures that a client must know, and pass on the errors of
 * the store and of the database. The caller checks the permission; a change checks it again in its transaction.
 */
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
  /** Whether a manifest may name blobs and manifests that the repository does not have. */
  readonly sparse: boolean;
  /** Accepted manifest types besides those of OCI and Docker. */
  readonly moreTypes?: readonly string[];
  readonly rules: PushRules;
  /** `undefined`: the default limits. */
  readonly limits?: UploadLimits | undefined;
  readonly leaseTimes: LeaseTimes;
  readonly report: Warnings;
  /** Rejects (ENOSPC) unless the disk of the database has `bytes` free above its reserve. */
  readonly demandSpace?: ((bytes: number) => Promise<void> | undefined) | undefined;
  /** The locks of all processes that write to the store; `undefined`: this process is the only one. */
  readonly locks?: UploadLocks | undefined;
  /** Whether other processes serve requests for the same upload sessions. */
  readonly isShared?: boolean | undefined;
}): Registry {
  const leasePolicy = createLeasePolicy(parts.clock, parts.leaseTimes);
  const recentBlobs = createRecentBlobs();
  const uploads = createUploads({ ...parts, leasePolicy, recentBlobs });
  return {
    blobs: createBlobs({ ...parts, leasePolicy, recentBlobs }),
    uploads,
    manifests: createManifests({ ...parts, leasePolicy, recentBlobs }),
    tags: createTags({ ...parts, leasePolicy }),
    referrers: createReferrers(parts),
    repositories: createRepositories({ ...parts, uploads }),
  };
}
