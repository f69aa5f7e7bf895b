import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Visibility } from "../registry/schema.ts";

/** The tables of mirrors, besides the repositories that they fill; `migrations/` describes the columns. */
export interface MirrorTables {
  mirror_fetches: MirrorFetchesTable;
  mirror_processes: MirrorProcessesTable;
  mirror_tags: MirrorTagsTable;
  mirror_uses: MirrorUsesTable;
  mirror_pins: MirrorPinsTable;
  mirror_counters: MirrorCountersTable;
  mirror_states: MirrorStatesTable;
  added_mirrors: AddedMirrorsTable;
}

/** A blob's digest, or `manifests/` with a digest or tag. */
export type FetchReference = Digest | `manifests/${string}`;

interface MirrorFetchesTable {
  repository: RepositoryName;
  reference: FetchReference;
  owner: string;
  storage_reference: string;
  size_bytes: number | null;
  touched_at: number;
}

interface MirrorProcessesTable {
  owner: string;
  seen_at: number;
}

interface MirrorTagsTable {
  repository: RepositoryName;
  tag: Tag;
  checked_at: number;
}

interface MirrorUsesTable {
  namespace: string;
  blob_id: number;
  used_at: number;
}

interface MirrorPinsTable {
  repository: RepositoryName;
  tag: Tag;
  pinned_at: number;
}

interface MirrorStatesTable {
  namespace: string;
  reason: string | null;
  changed_at: number;
}

interface AddedMirrorsTable {
  namespace: string;
  visibility: Visibility;
  settings: string;
  password: Uint8Array | null;
  changed_at: number;
  changed_by: string;
}

interface MirrorCountersTable {
  namespace: string;
  name: string;
  value: number;
}
