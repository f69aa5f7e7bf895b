import type { RepositoryName } from "../oci/name.ts";
import type { Reference } from "../oci/reference.ts";
import type { Digest } from "../oci/digest.ts";
import type { LinkedBlob } from "./registry/blobs.ts";
import type { StoredManifest } from "./registry/manifests.ts";

/**
 * What the policy and the fast path need to know for most requests. Facts are not stale: they were read, or
 * compared with the database, after the call.
 */
export interface Facts {
  readonly repositories: {
    get(name: RepositoryName): Promise<RepositoryFacts>;
  };
  readonly manifests: {
    /** `undefined`: there is no such manifest. */
    get(repository: RepositoryName, reference: Reference): Promise<StoredManifest | undefined>;
  };
  readonly blobs: {
    /** `undefined`: the repository links no such blob, or the blob is not live. */
    readonly get: (repository: RepositoryName, digest: Digest) => Promise<LinkedBlob | undefined>;
  };
  /** For the fast path. SQLite answers at once, so that the response does not wait a turn of the event loop. */
  ofManifest(
    repository: RepositoryName,
    reference: Reference,
  ): ManifestFacts | Promise<ManifestFacts>;
  /** The same for a blob. */
  ofBlob(repository: RepositoryName, digest: Digest): BlobFacts | Promise<BlobFacts>;
}

export interface BlobFacts {
  readonly repository: RepositoryFacts;
  /** As `get` of the blobs. */
  readonly blob: LinkedBlob | undefined;
}

export interface ManifestFacts {
  readonly repository: RepositoryFacts;
  /** `undefined`: there is no such manifest. */
  readonly manifest: StoredManifest | undefined;
}

/** The facts of a repository that the policy needs on every request, whether it exists or not. */
export interface RepositoryFacts {
  readonly name: RepositoryName;
  readonly isThere: boolean;
  readonly isPublic: boolean;
  /** Number of the last removal of a repository of this name; 0 if there was none. */
  readonly removal: number;
  /** The repository exists, or existed before. */
  readonly isHosted: boolean;
  /** An account has the name of the namespace, or the namespace has repositories. */
  readonly hasNamespace: boolean;
}
