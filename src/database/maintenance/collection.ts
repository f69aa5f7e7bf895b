import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { isDeleting, sumOfSizes } from "../query-parts.ts";
import { removeManifest } from "../registry/manifests.ts";
import { releaseManifestQuota, releaseQuota } from "../registry/quota-changes.ts";
import { lockDueLinks, lockDueManifests } from "./due-candidates.ts";
import { markUnlinkedDeleting } from "./gc-candidates.ts";
import { noBackupRuns } from "./backups.ts";
import type { Db } from "../schema.ts";

/** A blob that no reader sees any more; its bytes are still in the store. */
export interface DeletingBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly storageKey: string;
}

export interface CollectedManifest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

interface CandidateResult<T> {
  /** Candidates that were due and have been checked; 0: none is due. */
  readonly checked: number;
  readonly collected: readonly T[];
}

interface CandidateQuery {
  /** Candidates that are due until this time. */
  readonly nowMs: number;
  /** The time from which the blobs that this check marks deleting wait for the deletion of their bytes. */
  readonly deletingSinceMs: number;
  /** Due time of the new candidates that this check adds. */
  readonly dueAtMs: number;
  /** Maximum number of candidates in this transaction. */
  readonly limit: number;
}

/** What the collector will check. `null`: there is none. */
export interface WaitingCandidates {
  /** When the last blob was marked deleting. */
  readonly deletingSinceMs: number | null;
  /** Blobs in repositories that may have lost their last manifest. */
  readonly blobs: number;
  readonly blobsUntilMs: number | null;
  /** Manifests that may have lost their last tag, index or subject. */
  readonly manifests: number;
  readonly manifestsUntilMs: number | null;
}

export function createCollectionReads(db: Db) {
  /** Blobs marked deleting until `beforeMs`. */
  const marked = (beforeMs: number) =>
    db.selectFrom("blobs").where(isDeleting).where("retired_at", "<=", beforeMs);
  return {
    /**
     * Blobs marked deleting until `beforeMs`, in the order of their ids, after `after`. None while a backup runs, unless
     * `duringBackup`: the backup has begun to run before it reads the rows, so it copies none that this has returned.
     */
    deleting: (page: {
      readonly after: number;
      readonly limit: number;
      readonly beforeMs: number;
      readonly nowMs: number;
      readonly duringBackup: boolean;
    }): Promise<readonly DeletingBlob[]> =>
      marked(page.beforeMs)
        .select(["id", "digest", "size_bytes as sizeBytes", "storage_key as storageKey"])
        .where("id", ">", page.after)
        .$if(!page.duringBackup, (rows) => rows.where(noBackupRuns(page.nowMs)))
        .orderBy("id")
        .limit(page.limit)
        .execute(),

    /** The blobs marked deleting whose bytes are still in the store: all, or those marked until `beforeMs`. */
    async waiting(beforeMs: number = Number.MAX_SAFE_INTEGER): Promise<{
      readonly blobs: number;
      readonly bytes: number;
    }> {
      const { blobs, bytes } = await marked(beforeMs)
        .select(({ fn }) => [fn.countAll<number>().as("blobs"), sumOfSizes.as("bytes")])
        .executeTakeFirstOrThrow();
      return { blobs, bytes };
    },

    /** The candidates, and until when the last of them becomes due. */
    async candidates(): Promise<WaitingCandidates> {
      const { rows } = await sql<WaitingCandidates>`
        SELECT (SELECT max(retired_at) FROM blobs WHERE ${isDeleting}) AS "deletingSinceMs",
          (SELECT count(*) FROM blob_reviews) AS blobs, (SELECT max(due_at) FROM blob_reviews) AS "blobsUntilMs",
          (SELECT count(*) FROM manifest_reviews) AS manifests,
          (SELECT max(due_at) FROM manifest_reviews) AS "manifestsUntilMs"`.execute(db);
      const [found] = rows;
      if (found === undefined) throw new Error("the statement gives one row");
      return found;
    },
  };
}

/** Deletes due manifests without a tag, a parent index, a subject or a lease. */
export async function collectManifests(
  tx: Db,
  query: CandidateQuery,
): Promise<CandidateResult<CollectedManifest>> {
  const due = await lockDueManifests(tx, query);
  const collected: CollectedManifest[] = [];
  for (const manifest of due) {
    if (manifest.leasedUntilMs > query.nowMs) {
      await tx
        .updateTable("manifest_reviews")
        .set({ due_at: manifest.leasedUntilMs })
        .where("manifest_id", "=", manifest.id)
        .execute();
      continue;
    }
    if (await isKept(tx, manifest)) {
      await tx.deleteFrom("manifest_reviews").where("manifest_id", "=", manifest.id).execute();
      continue;
    }
    await releaseManifestQuota(tx, manifest);
    await removeManifest(tx, manifest, query);
    collected.push({ repository: manifest.repository, digest: manifest.digest });
  }
  return { checked: due.length, collected };
}

/** Whether a tag, an index or a subject keeps a manifest. */
export async function isKept(
  tx: Db,
  manifest: {
    readonly id: number;
    readonly repositoryId: number;
    readonly digest: Digest;
    readonly subject: Digest | null;
  },
): Promise<boolean> {
  const { id, repositoryId, digest, subject } = manifest;
  const tag = await tx
    .selectFrom("tags")
    .select("name")
    .where("manifest_id", "=", id)
    .executeTakeFirst();
  if (tag !== undefined) return true;
  const parent = await tx
    .selectFrom("manifest_references")
    .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
    .select("manifests.id")
    .where("manifest_references.digest", "=", digest)
    .where("manifests.repository_id", "=", repositoryId)
    .where("manifests.id", "<>", id)
    .executeTakeFirst();
  if (parent !== undefined) return true;
  if (subject === null) return false;
  const found = await tx
    .selectFrom("manifests")
    .select("id")
    .where("repository_id", "=", repositoryId)
    .where("digest", "=", subject)
    .where("id", "<>", id)
    .executeTakeFirst();
  return found !== undefined;
}

/**
 * Unlinks due blobs from repositories where no manifest refers to them and no lease is active. A blob without any link
 * is marked deleting.
 */
export async function collectBlobs(
  tx: Db,
  query: CandidateQuery,
): Promise<CandidateResult<{ readonly repository: RepositoryName; readonly digest: Digest }>> {
  const due = await lockDueLinks(tx, query);
  const collected: { repository: RepositoryName; digest: Digest }[] = [];
  for (const { repositoryId, blobId, leasedUntilMs, digest, repository } of due) {
    const here = { repository_id: repositoryId, blob_id: blobId };
    if (leasedUntilMs > query.nowMs) {
      await tx
        .updateTable("blob_reviews")
        .set({ due_at: leasedUntilMs })
        .where("repository_id", "=", here.repository_id)
        .where("blob_id", "=", here.blob_id)
        .execute();
      continue;
    }
    const user = await tx
      .selectFrom("manifest_references")
      .innerJoin("manifests", "manifests.id", "manifest_references.manifest_id")
      .select("manifests.id")
      .where("manifest_references.digest", "=", digest)
      .where("manifests.repository_id", "=", repositoryId)
      .executeTakeFirst();
    const table = user === undefined ? "blob_links" : "blob_reviews";
    await tx
      .deleteFrom(table)
      .where("repository_id", "=", repositoryId)
      .where("blob_id", "=", blobId)
      .execute();
    if (user !== undefined) continue;
    await releaseQuota(tx, { repositoryId, blobId });
    await markUnlinkedDeleting(tx, { blobId, nowMs: query.deletingSinceMs });
    collected.push({ repository, digest });
  }
  return { checked: due.length, collected };
}

/** Deletes the row of a deleting blob after its bytes were deleted from the store. False if there is no such row. */
export async function dropBlob(tx: Db, { id }: { readonly id: number }): Promise<boolean> {
  const dropped = await tx
    .deleteFrom("blobs")
    .where("id", "=", id)
    .where(isDeleting)
    .executeTakeFirst();
  return dropped.numDeletedRows > 0n;
}
