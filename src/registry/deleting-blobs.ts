import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/contract.ts";
import type { DeletingBlob } from "../database/maintenance/collection.ts";
import type { Digest } from "../oci/digest.ts";

/** One step of {@link deleteMarkedBlobs}. Clients' requests run between two steps. */
export type BlobDeletionStep =
  | { readonly kind: "bytes"; readonly digest: Digest; readonly sizeBytes: number }
  | { readonly kind: "failed"; readonly digest: Digest; readonly error: unknown }
  /** No blob was deleted; the caller can pause here too. */
  | { readonly kind: "pause" };

interface DeletionParts {
  readonly store: Pick<BlobStore, "delete">;
  readonly database: Pick<Database, "collection" | "commands">;
}

interface DueBlobs {
  /** Deletes the blobs that became `deleting` before this time (usually `deletableBeforeMs` of the lease policy). */
  readonly beforeMs: number;
  readonly nowMs: number;
  /** The ids of the blobs to delete, also while a backup runs; `undefined`: all, unless a backup runs. */
  readonly only?: ReadonlySet<number> | undefined;
}

const deletesAtOnce = 100;

/**
 * Deletes the bytes and rows of `deleting` blobs that are due. After a failed delete, the run continues with the other
 * blobs and the next run retries. A crash between bytes and row leaves the row, and the next run deletes it.
 */
export async function* deleteMarkedBlobs(
  parts: DeletionParts,
  { beforeMs, nowMs, only }: DueBlobs,
): AsyncGenerator<BlobDeletionStep> {
  let after = 0;
  for (;;) {
    const duringBackup = only !== undefined;
    const page = { after, limit: deletesAtOnce, beforeMs, nowMs, duringBackup };
    const deleting = await parts.database.collection.deleting(page);
    for (const blob of deleting) {
      after = blob.id;
      yield { kind: "pause" };
      if (only?.has(blob.id) !== false) yield await deleteBlob(parts, blob);
    }
    if (deleting.length < deletesAtOnce) return;
  }
}

async function deleteBlob(
  { store, database }: DeletionParts,
  { id, digest, sizeBytes, storageKey }: DeletingBlob,
): Promise<BlobDeletionStep> {
  try {
    await store.delete(storageKey);
    // Another process may have deleted them first.
    const isOurs = await database.commands.dropBlob({ id });
    return isOurs ? { kind: "bytes", digest, sizeBytes } : { kind: "pause" };
  } catch (error) {
    return { kind: "failed", digest, error };
  }
}
