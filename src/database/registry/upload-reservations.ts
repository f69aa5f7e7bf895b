import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { notDeleting } from "./not-deleting.ts";
import { beginCounting, findQuota, isLinkedIn } from "./quotas.ts";
import type { OverQuota } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { reservedBytes } from "./uploads.ts";

/*
 * What open uploads may hold on the disk. Each session has a number of bytes reserved in its row before it is written to,
 * so that the sum over the rows is right after a crash too, and no two uploads can pass a quota together.
 */

export interface ReserveUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  /** Bytes that the session shall be able to hold in all, and the fewest of use. */
  readonly sizeBytes: number;
  readonly atLeastBytes: number;
  /** What the session will be closed as, if that is known: what the namespace has already costs nothing. */
  readonly digest: Digest | undefined;
  /** The limit where no row says one; `null` for none. */
  readonly defaultBytes: number | null;
}

/** Resolves with the bytes that the session may hold now, or a rejection that has changed nothing. */
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
