import type { Generated, Insertable, Kysely, Selectable } from "kysely";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Tag } from "../oci/reference.ts";
import type {
  RepositoryDescriptionsTable,
  SearchDocumentsTable,
  RepositoryFacetsTable,
  StarsTable,
  InvitesTable,
  NamespaceCountsTable,
  ImageSizesTable,
  SearchStarChangesTable,
} from "./catalog/schema.ts";
import type {
  MirrorFetchesTable,
  MirrorProcessesTable,
  MirrorTagsTable,
  MirrorUsesTable,
  MirrorPinsTable,
  MirrorCountersTable,
  MirrorStatesTable,
} from "./mirror/schema.ts";

/** The tables that `migrations/` creates; the SQL files there describe the columns. */
export interface Schema {
  repositories: RepositoriesTable;
  blobs: BlobsTable;
  blob_links: BlobLinksTable;
  manifests: ManifestsTable;
  manifest_references: ManifestReferencesTable;
  tags: TagsTable;
  tag_history: TagHistoryTable;
  uploads: UploadsTable;
  manifest_reviews: ManifestReviewsTable;
  blob_reviews: BlobReviewsTable;
  instance: InstanceTable;
  accounts: AccountsTable;
  members: MembersTable;
  teams: TeamsTable;
  team_members: TeamMembersTable;
  team_permissions: TeamPermissionsTable;
  collaborators: CollaboratorsTable;
  access_tokens: AccessTokensTable;
  audit_log: AuditLogTable;
  quotas: QuotasTable;
  repository_removals: RepositoryRemovalsTable;
  repository_descriptions: RepositoryDescriptionsTable;
  search_documents: SearchDocumentsTable;
  repository_facets: RepositoryFacetsTable;
  stars: StarsTable;
  invites: InvitesTable;
  namespace_counts: NamespaceCountsTable;
  image_sizes: ImageSizesTable;
  search_star_changes: SearchStarChangesTable;
  mirror_fetches: MirrorFetchesTable;
  mirror_processes: MirrorProcessesTable;
  mirror_tags: MirrorTagsTable;
  mirror_uses: MirrorUsesTable;
  mirror_pins: MirrorPinsTable;
  mirror_counters: MirrorCountersTable;
  mirror_states: MirrorStatesTable;
}

/** A connection, or a transaction on one. */
export type Db = Kysely<Schema>;

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

interface PlatformColumns {
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
}

interface TagHistoryTable {
  id: Generated<number>;
  repository_id: number;
  name: Tag;
  digest: Digest | null;
  changed_at: number;
  actor: string | null;
}

interface UploadsTable {
  id: string;
  repository: RepositoryName;
  storage_reference: string;
  started_at: number;
  touched_at: number;
  account_id: number | null;
  reserved_bytes: Generated<number>;
}

interface ManifestReviewsTable {
  manifest_id: number;
  due_at: number;
}

interface BlobReviewsTable {
  repository_id: number;
  blob_id: number;
  due_at: number;
}

interface InstanceTable {
  only_row: 1;
  id: string;
  clean_stop: 0 | 1;
  checkpointed_at: number;
}

export type Visibility = "private" | "public";
export type RepositoryRole = "read" | "write" | "admin";
export type MemberRole = "owner" | "editor" | "member";

interface AccountsTable {
  id: Generated<number>;
  name: string;
  kind: "user" | "organisation";
  full_name: Generated<string>;
  email: string | null;
  is_admin: Generated<0 | 1>;
  disabled: Generated<0 | 1>;
  password_hash: string | null;
  password_changed_at: number | null;
  created_at: number;
}

interface MembersTable {
  organisation_id: number;
  user_id: number;
  role: MemberRole;
  created_at: number;
}

interface TeamsTable {
  id: Generated<number>;
  organisation_id: number;
  name: string;
  description: Generated<string>;
  created_at: number;
}

interface TeamMembersTable {
  team_id: number;
  user_id: number;
  created_at: number;
}

interface TeamPermissionsTable {
  team_id: number;
  repository_id: number;
  permission: RepositoryRole;
}

interface CollaboratorsTable {
  repository_id: number;
  user_id: number;
  permission: RepositoryRole;
}

interface AccessTokensTable {
  id: string;
  account_id: number;
  label: string;
  description: Generated<string>;
  secret_hash: string;
  scopes: string;
  resources: string | null;
  created_by: number | null;
  creator_peer: Generated<string>;
  creator_agent: Generated<string>;
  is_active: Generated<0 | 1>;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

interface AuditLogTable {
  id: Generated<number>;
  at: number;
  actor: string;
  account: string;
  account_id: number | null;
  action: string;
  subject: string;
  data: Generated<string>;
  peer: Generated<string>;
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

export type NewManifest = Omit<Insertable<ManifestsTable>, "id" | "repository_id">;
export type NewManifestReference = Omit<Insertable<ManifestReferencesTable>, "manifest_id">;
export type UploadRow = Omit<Selectable<UploadsTable>, "reserved_bytes">;
