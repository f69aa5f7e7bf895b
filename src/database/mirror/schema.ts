import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/* Tables of mirrors, besides the repositories that they fill. */

/** A blob's digest, or `manifests/` with a digest or tag. */
export type FetchReference = Digest | `manifests/${string}`;

export interface MirrorFetchesTable {
  repository: RepositoryName;
  reference: FetchReference;
  owner: string;
  storage_reference: string;
  size_bytes: number | null;
  touched_at: number;
}

export interface MirrorProcessesTable {
  owner: string;
  seen_at: number;
}

export interface MirrorTagsTable {
  repository: RepositoryName;
  tag: Tag;
  checked_at: number;
}

export interface MirrorUsesTable {
  namespace: string;
  blob_id: number;
  used_at: number;
}

export interface MirrorPinsTable {
  repository: RepositoryName;
  tag: Tag;
  pinned_at: number;
}

export interface MirrorStatesTable {
  namespace: string;
  reason: string | null;
  changed_at: number;
}

export interface MirrorCountersTable {
  namespace: string;
  name: string;
  value: number;
}
