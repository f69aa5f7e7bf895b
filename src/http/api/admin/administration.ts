import type { KeyRing } from "../../../auth/signing-keys/keys.ts";
import type { JobTask } from "../../../coordination/job-run.ts";
import type { Jobs } from "../../../coordination/jobs.ts";
import type { WaitingCandidates } from "../../../database/maintenance/collection.ts";
import type { Actor } from "../../../database/permissions/authority.ts";
import type { AddedMirrors } from "../../../mirror/added-mirrors.ts";
import type { MirrorAdministration } from "../../../mirror/administration.ts";
import type { ReadOnly } from "../../../maintenance/read-only.ts";
import type { BlobSum, StoredBlobs } from "../../../maintenance/stored-blobs.ts";
import type { createOpenUploads } from "../../../registry/uploads/open-uploads.ts";

/** What administrators do with a server, as the command line does with a data folder. */
export interface Administration {
  readonly jobs: Jobs;
  /** `undefined`: there are no mirrors now. */
  readonly mirrors: () => Promise<MirrorAdministration | undefined>;
  readonly mirrorChanges: Pick<AddedMirrors, "add" | "change" | "remove">;
  /** `undefined` in open mode. */
  readonly keyRing: KeyRing | undefined;
  readonly readOnly: ReadOnly;
  readonly uploads: ReturnType<typeof createOpenUploads>;
  collectionJob(options: { readonly isDryRun: boolean; readonly deletesNow: boolean }): JobTask;
  /** @param bytesPerSecond 0: no limit; `undefined`: `scrub.bytesPerSecond` */
  scrubJob(bytesPerSecond: number | undefined): JobTask;
  readonly settings: MaintenanceSettings;
  /** Blobs whose bytes are deleted after `gc.deleteDelay`; with `atMs` those whose delay has ended by then. */
  waiting(atMs?: number): Promise<BlobSum>;
  /** What the collector will check. */
  candidates(): Promise<WaitingCandidates>;
  /** All distinct blobs, added up in steps. */
  stored(): Promise<StoredBlobs>;
  /** The pulls of all repositories since midnight in UTC, and on the day before. */
  pulls(): Promise<{ readonly today: number; readonly yesterday: number }>;
  pushesSince(sinceMs: number): Promise<number>;
  server(): Promise<ServerFacts>;
  /**
   * Records a change that is no row of the database. Throws NotAuthorizedError, so the caller changes nothing before.
   */
  recordChange(
    actor: Actor,
    action: "server.key.create" | "server.key.delete" | "server.upload.delete",
    subject: string,
  ): Promise<void>;
}

/** Times in milliseconds. */
export interface MaintenanceSettings {
  readonly gc: {
    readonly interval: number;
    readonly lease: number;
    readonly grace: number;
    readonly deleteDelay: number;
    readonly deleteUntagged: boolean;
  };
  readonly scrub: { readonly interval: number; readonly bytesPerSecond: number };
  /** `undefined`: no entry of the audit log is deleted. */
  readonly auditKeptMs: number | undefined;
}

export interface ServerFacts {
  readonly version: string;
  readonly node: string;
  readonly database: "sqlite" | "postgres";
  readonly storage: "filesystem" | "memory" | "s3";
  readonly workers: number;
  readonly replicas: readonly {
    readonly id: string;
    readonly host: string;
    readonly version: string;
    readonly startedAtMs: number;
    readonly unseenMs: number;
  }[];
  readonly isReady: boolean;
  readonly problems: Readonly<Record<string, string>>;
  readonly disk: { readonly total: number; readonly free: number } | undefined;
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
