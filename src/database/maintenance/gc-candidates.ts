import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { bigint, notDeleting } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/*
 * The queues of GC candidates. A command that removes a reason to keep a blob or a manifest adds it here, in the same
 * transaction. A later event moves the due time.
 */

/** The times of an event that may remove the reason to keep a blob or manifest, in milliseconds since the epoch. */
export interface EventTimes {
  /** The time of the event. */
  readonly nowMs: number;
  /** When the candidate is due: the collector checks it at this time or later. */
  readonly dueAtMs: number;
}

/** A lease: the collector keeps the blob or manifest until it expires. */
export interface Lease extends EventTimes {
  /** The collector does not delete it before this time. */
  readonly leasedUntilMs: number;
}

/** A new end of the lease of a blob or a manifest. */
export interface LeaseExtension {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly leasedUntilMs: number;
}

interface BlobCandidate {
  readonly repositoryId: number;
  readonly blobId: number;
  readonly dueAtMs: number;
}

const insertBlobCandidate = prepared((db, link: Placeholders<BlobCandidate>) =>
  db
    .insertInto("blob_reviews")
    .values({ repository_id: link.repositoryId, blob_id: link.blobId, due_at: link.dueAtMs })
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "blob_id"]).doUpdateSet({ due_at: link.dueAtMs }),
    ),
);

export async function addBlobCandidate(tx: Db, link: BlobCandidate): Promise<void> {
  await insertBlobCandidate.execute(tx, link);
}

const insertManifestCandidate = prepared(
  (db, { manifestId, dueAtMs }: Placeholders<{ manifestId: number; dueAtMs: number }>) =>
    db
      .insertInto("manifest_reviews")
      .values({ manifest_id: manifestId, due_at: dueAtMs })
      .onConflict((conflict) => conflict.column("manifest_id").doUpdateSet({ due_at: dueAtMs })),
);

export async function addManifestCandidate(
  tx: Db,
  manifestId: number,
  dueAtMs: number,
): Promise<void> {
  await insertManifestCandidate.execute(tx, { manifestId, dueAtMs });
}

/**
 * Adds everything that a manifest keeps, before the manifest is deleted: its blobs, its children and its referrers.
 * @param manifestsDueAtMs the due time of these manifests, if they have no later one; default: `dueAtMs`, in any case
 */
export async function addCandidatesOf(
  tx: Db,
  manifest: { readonly id: number; readonly repositoryId: number; readonly digest: Digest },
  dueAtMs: number,
  manifestsDueAtMs?: number,
): Promise<void> {
  const { id, repositoryId, digest } = manifest;
  await tx
    .insertInto("blob_reviews")
    .columns(["repository_id", "blob_id", "due_at"])
    .expression((query) =>
      query
        .selectFrom("manifest_references")
        .innerJoin("blobs", "blobs.digest", "manifest_references.digest")
        .innerJoin("blob_links", "blob_links.blob_id", "blobs.id")
        .select(["blob_links.repository_id", "blob_links.blob_id", bigint(dueAtMs).as("due_at")])
        .distinct()
        .where("manifest_references.manifest_id", "=", id)
        .where("blob_links.repository_id", "=", repositoryId)
        .where(notDeleting),
    )
    .onConflict((conflict) =>
      conflict.columns(["repository_id", "blob_id"]).doUpdateSet({ due_at: dueAtMs }),
    )
    .execute();
  const kept = await tx
    .selectFrom("manifest_references")
    .innerJoin("manifests", "manifests.digest", "manifest_references.digest")
    .select("manifests.id as id")
    .where("manifest_references.manifest_id", "=", id)
    .where("manifest_references.kind", "=", "child")
    .where("manifests.repository_id", "=", repositoryId)
    .union(
      tx
        .selectFrom("manifests")
        .select("id")
        .where("repository_id", "=", repositoryId)
        .where("subject_digest", "=", digest),
    )
    .execute();
  for (const row of kept) {
    if (manifestsDueAtMs === undefined) await addManifestCandidate(tx, row.id, dueAtMs);
    else await addEarlierCandidate(tx, row.id, manifestsDueAtMs);
  }
}

/** Adds a candidate, unless a later event has added it already. */
async function addEarlierCandidate(tx: Db, manifestId: number, dueAtMs: number): Promise<void> {
  await tx
    .insertInto("manifest_reviews")
    .values({ manifest_id: manifestId, due_at: dueAtMs })
    .onConflict((conflict) =>
      conflict
        .column("manifest_id")
        .doUpdateSet({ due_at: dueAtMs })
        .where("manifest_reviews.due_at", "<", dueAtMs),
    )
    .execute();
}

/**
 * Marks a blob that no repository links as `deleting`: no reader sees it, and its bytes are deleted after
 * `gc.deleteDelay`.
 */
export async function markUnlinkedDeleting(
  tx: Db,
  { blobId, nowMs }: { readonly blobId: number; readonly nowMs: number },
): Promise<void> {
  await tx
    .updateTable("blobs")
    .set({ state: "deleting", retired_at: nowMs })
    .where("id", "=", blobId)
    .where((query) =>
      query.not(
        query.exists(
          query.selectFrom("blob_links").select("blob_id").where("blob_id", "=", blobId),
        ),
      ),
    )
    .execute();
}
