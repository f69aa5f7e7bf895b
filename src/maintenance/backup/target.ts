import type { BlobKey, BlobStore } from "../../../storage/blob-store.ts";
import type { DocumentStore } from "../../../storage/documents.ts";

/*
 * A backup folder or bucket:
 *
 *   points/<id>.json                  one point in time: the keys of its database and of its list of blobs (point.ts)
 *   blobs/instance                    the id of the registry that it is a backup of
 *   blobs/sha256/ab/<hex>.<ulid>      blobs of images, under the keys that they have in the registry; databases; lists
 *
 * All points share the blobs. A blob never changes, so a new point copies only the blobs that no earlier point has.
 */

/** The backup cannot be made, or used, as it is. The message is one line for users. */
export class BackupError extends Error {
  override readonly name = "BackupError";
}

export const backupInUse = (location: string): BackupError =>
  new BackupError(`another "berth backup" runs on ${location}: wait for its end`);

/**
 * `kept`: the backup has the bytes of the blob. Otherwise it has none: the registry had none (`absent`), wrong ones
 * (`damaged`), or could not read them (`unreadable`), or its mirror has evicted them since (`evicted`).
 */
export type BlobState = "kept" | "absent" | "damaged" | "unreadable" | "evicted";

/** The place of the backups of one registry. */
export interface BackupTarget {
  /** A path, or `s3://bucket/prefix`. */
  readonly location: string;
  readonly store: BlobStore;
  readonly points: DocumentStore;
  /** A folder for files that exist during one run; the caller deletes what it creates. */
  readonly temporaryFolder: string;
  /**
   * Excludes other runs that change the backup. `signal` aborts if the lock is lost.
   * @throws BackupError if another one runs
   */
  lock(): Promise<BackupLock>;
  close(): Promise<void>;
}

export interface BackupLock {
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** Links files of the registry into the backup, in place of copies. */
export interface Links {
  /** False: the registry has no such file. */
  link(key: BlobKey): Promise<boolean>;
  /** Makes the links durable. */
  flush(): Promise<void>;
}
