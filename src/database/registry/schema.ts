import type { Generated, Selectable } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";

/** The tables of repositories and of what they contain; `migrations/` describes the columns. */
export interface RegistryTables {
  repositories: RepositoriesTable;
  blobs: BlobsTable;
  blob_links: BlobLinksTable;
  manifests: ManifestsTable;
  manifest_references: ManifestReferencesTable;
  tags: TagsTable;
  tag_history: TagHistoryTable;
  uploads: UploadsTable;
  quotas: QuotasTable;
  repository_removals: RepositoryRemovalsTable;
}

export type Visibility = "private" | "public";

interface RepositoriesTable {
  id: Generated<number>;
  name: RepositoryName;
  namespace: string;
  created_at: number;
  updated_at: number;
  visibility: Generated<Visibility>;
  immutable_tags: string | null;
  tag_count: Generated<number>;
  star_count: Generated<number>;
  pull_rank: Generated<number>;
  size_bytes: Generated<number>;
  awaits_manifest: Generated<0 | 1>;
}

interface BlobsTable {
  id: Generated<number>;
  digest: Digest;
  size_bytes: number;
  storage_key: string;
  /** When the state became `deleting`. */
  retired_at: Generated<number | null>;
  state: Generated<"live" | "missing" | "deleting">;
  created_at: number;
  scrubbed_at: Generated<number>;
}

interface BlobLinksTable {
  repository_id: number;
  blob_id: number;
  created_at: number;
  leased_until: number;
}

export interface PlatformColumns {
  os: string | null;
  architecture: string | null;
  variant: string | null;
  os_version: string | null;
  os_features: string | null;
}

interface ManifestsTable extends PlatformColumns {
  id: Generated<number>;
  repository_id: number;
  digest: Digest;
  media_type: string;
  kind: "image" | "index" | "opaque";
  size_bytes: number;
  artifact_type: string | null;
  config_media_type: string | null;
  subject_digest: Digest | null;
  annotations: string | null;
  pushed_at: number;
  leased_until: number;
  content: Uint8Array;
}

interface ManifestReferencesTable extends PlatformColumns {
  manifest_id: number;
  position: number;
  kind: "config" | "layer" | "child";
  digest: Digest;
  media_type: string;
  size_bytes: number;
  required: 0 | 1;
  artifact_type: string | null;
  urls: string | null;
  annotations: string | null;
}

interface TagsTable {
  repository_id: number;
  name: Tag;
  manifest_id: number;
  updated_at: number;
  updater: string | null;
}

interface TagHistoryTable {
  id: Generated<number>;
  repository_id: number;
  name: Tag;
  digest: Digest | null;
  changed_at: number;
  actor: string | null;
  token_label: string | null;
}

interface UploadsTable {
  id: string;
  repository: RepositoryName;
  storage_reference: string;
  started_at: number;
  touched_at: number;
  account_id: number | null;
  reserved_bytes: Generated<number>;
  holder: Generated<string | null>;
  /** Set by the first lock in the database: until then the upload has no bytes. Always NULL in SQLite. */
  held_until: Generated<number | null>;
  wanted: Generated<0 | 1>;
}

interface QuotasTable {
  namespace: string;
  limit_bytes: number | null;
  used_bytes: number;
}

interface RepositoryRemovalsTable {
  name: RepositoryName;
  sequence: number;
}

export type NewManifest = Omit<Selectable<ManifestsTable>, "id" | "repository_id">;
export type NewManifestReference = Omit<Selectable<ManifestReferencesTable>, "manifest_id">;
export type UploadRow = Omit<Selectable<UploadsTable>, "reserved_bytes" | "holder" | "wanted">;
export type NewUpload = Omit<UploadRow, "held_until">;
