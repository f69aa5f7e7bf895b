import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { notDeleting } from "./not-deleting.ts";
import { beginCounting, findQuota, isLinkedIn } from "./quotas.ts";
import type { OverQuota } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { reservedBytes } from "./uploads.ts";

/*
 * Quota for open uploads. Each session reserves bytes in its row before they are written. So the sum over the rows is
 * correct after a crash, and two concurrent uploads cannot exceed a quota together.
 */

export interface ReserveUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  /** The requested total size of the session, and the smallest size that is useful. */
  readonly sizeBytes: number;
  readonly atLeastBytes: number;
  /** The final digest of the session, if known. A blob that the namespace already has is not counted. */
  readonly digest: Digest | undefined;
  /** The limit if no row has one, in bytes; `null`: no limit. */
  readonly defaultBytes: number | null;
}

/** Returns the bytes that the session may have now, or a rejection that changed nothing. */
async function reserveUpload(tx: Db, asked: ReserveUpload): Promise<number | OverQuota> {
  const { id, sizeBytes, atLeastBytes, defaultBytes } = asked;
  const namespace = namespaceOf(asked.repository);
  const row = await findQuota(tx, namespace);
  if (row === undefined && defaultBytes === null) return sizeBytes;
  const quota = row ?? (await beginCounting(tx, namespace, null));
  const limitBytes = quota.limitBytes ?? defaultBytes;
  if (limitBytes === null || (await isHere(tx, namespace, asked.digest))) return sizeBytes;
  const usedBytes = quota.usedBytes + (await reservedBytes(tx, namespace, id));
  const granted = Math.min(sizeBytes, Math.max(0, limitBytes - usedBytes));
  if (granted < atLeastBytes)
    return {
      rejected: "quota",
      what: "upload",
      namespace,
      limitBytes,
      usedBytes,
      addedBytes: atLeastBytes,
    };
  await tx.updateTable("uploads").set({ reserved_bytes: granted }).where("id", "=", id).execute();
  return granted;
}

async function isHere(tx: Db, namespace: string, digest?: Digest): Promise<boolean> {
  if (digest === undefined) return false;
  const blob = await tx
    .selectFrom("blobs")
    .select("id")
    .where("digest", "=", digest)
    .where(notDeleting)
    .executeTakeFirst();
  return blob !== undefined && (await isLinkedIn(tx, namespace, blob.id));
}

export const uploadQuotaCommands = { reserveUpload };
