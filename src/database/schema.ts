import type { Generated, Kysely } from "kysely";
import type { AccountTables } from "./accounts/schema.ts";
import type { CatalogTables } from "./catalog/schema.ts";
import type { EventTables } from "./events/schema.ts";
import type { MirrorTables } from "./mirror/schema.ts";
import type { RegistryTables } from "./registry/schema.ts";

/** The tables that `migrations/` creates; the SQL files there describe the columns. */
export interface Schema
  extends RegistryTables, AccountTables, CatalogTables, MirrorTables, EventTables {
  manifest_reviews: ManifestReviewsTable;
  blob_reviews: BlobReviewsTable;
  instance: InstanceTable;
  audit_log: AuditLogTable;
  audit_forwarding: AuditForwardingTable;
  replicas: ReplicasTable;
  leases: LeasesTable;
  schedules: SchedulesTable;
  signing_keys: SigningKeysTable;
  login_attempts: LoginAttemptsTable;
  jobs: JobsTable;
  job_plans: JobPlansTable;
  retention_policies: RetentionPoliciesTable;
  read_only_mode: ReadOnlyModeTable;
}

/** A connection, or a transaction on one. */
export type Db = Kysely<Schema>;

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

interface AuditForwardingTable {
  only_row: 1;
  last_id: number;
}

interface ReplicasTable {
  id: string;
  host: string;
  version: string;
  schema_version: number;
  started_at: number;
  seen_at: number;
}

interface LeasesTable {
  name: string;
  owner: string;
  leased_until: number;
  term: number;
}

interface SchedulesTable {
  name: string;
  ran_at: number;
}

interface SigningKeysTable {
  id: string;
  algorithm: string;
  created_at: number;
  sealed: Uint8Array;
}

export type JobKind = "backup" | "collection" | "scrub" | "retention" | "warm" | "sync";
export type JobState = "running" | "done" | "failed" | "canceled";

interface JobsTable {
  id: string;
  kind: JobKind;
  subject: string;
  dry_run: 0 | 1;
  actor: string;
  state: JobState;
  started_at: number;
  seen_at: number;
  ended_at: number | null;
  unwanted: Generated<0 | 1>;
  counts: Generated<string>;
  findings: Generated<string>;
  reason: string | null;
}

interface JobPlansTable {
  kind: JobKind;
  next_at: number;
}

interface RetentionPoliciesTable {
  scope: string;
  repository_id: number | null;
  rules: string;
  untagged_days: number | null;
  changed_at: number;
  changed_by: string;
}

interface ReadOnlyModeTable {
  only_row: 1;
  reason: string;
  changed_at: number;
  changed_by: string;
}

interface LoginAttemptsTable {
  key: string;
  full_at: number;
}
