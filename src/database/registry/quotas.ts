import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { OverQuota } from "../rejections.ts";
import type { Db } from "../schema.ts";

/*
 * The quota of a namespace counts the bytes of the distinct blobs that its repositories link, and of their manifests.
 * The sum is in the quota's row. Every transaction that adds or removes a link or a manifest updates it; a namespace
 * without a row costs nothing. Open uploads are counted from their own rows (`reservedBytes`).
 */

export interface Quota {
  /** `null`: the configured default. */
  readonly limitBytes: number | null;
  readonly usedBytes: number;
}

interface NamespaceUse extends Quota {
  readonly namespace: string;
  /** The sum in the row, which should equal `usedBytes`; `null` if there is no row. */
  readonly keptBytes: number | null;
}

export function createQuotaReads(db: Db) {
  return {
    find: (namespace: string): Promise<Quota | undefined> => findQuota(db, namespace),

    /** Every namespace with repositories or a quota, in order, with its bytes counted now. */
    async list(): Promise<readonly NamespaceUse[]> {
      const { rows } = await sql<NamespaceUse>`
        SELECT names.namespace AS namespace, quotas.limit_bytes AS "limitBytes", quotas.used_bytes AS "keptBytes",
          coalesce(sizes.bytes, 0) + coalesce(documents.bytes, 0) AS "usedBytes"
        FROM (SELECT namespace FROM repositories UNION SELECT namespace FROM quotas) AS names
        LEFT JOIN quotas ON quotas.namespace = names.namespace
        LEFT JOIN (
          SELECT namespace, sum(size_bytes) AS bytes FROM (
            SELECT DISTINCT repositories.namespace, blobs.id, blobs.size_bytes
            FROM repositories
            JOIN blob_links ON blob_links.repository_id = repositories.id
            JOIN blobs ON blobs.id = blob_links.blob_id) AS linked
          GROUP BY namespace) AS sizes ON sizes.namespace = names.namespace
        LEFT JOIN (
          SELECT repositories.namespace AS namespace, sum(manifests.size_bytes) AS bytes
          FROM manifests JOIN repositories ON repositories.id = manifests.repository_id
          GROUP BY repositories.namespace) AS documents ON documents.namespace = names.namespace
        ORDER BY names.namespace`.execute(db);
      return rows;
    },
  };
}

export function findQuota(db: Db, namespace: string): Promise<Quota | undefined> {
  return db
    .selectFrom("quotas")
    .select(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .where("namespace", "=", namespace)
    .executeTakeFirst();
}

interface QuotaReservation {
  readonly namespace: string;
  /** The quota's row, if there is one. */
  readonly quota: Quota | undefined;
  /** The limit if no row has one, in bytes; `null`: no limit. */
  readonly defaultBytes: number | null;
  readonly item: Item;
}

/** The blob or manifest that will be stored. */
export interface Item {
  readonly what: "blob" | "manifest";
  /** For a blob that already has a row. */
  readonly blobId?: number | undefined;
  readonly sizeBytes: number;
}

/**
 * Adds a blob or a manifest to the used bytes before it is stored. If the quota does not suffice, it returns a
 * rejection and changes nothing.
 */
export async function reserveQuota(
  tx: Db,
  reservation: QuotaReservation,
): Promise<OverQuota | undefined> {
  const { namespace, defaultBytes, item } = reservation;
  const { what, blobId, sizeBytes } = item;
  if (reservation.quota === undefined && defaultBytes === null) return undefined;
  const quota = reservation.quota ?? (await beginCounting(tx, namespace, null));
  if (blobId !== undefined && (await isLinkedIn(tx, namespace, blobId))) return undefined;
  const limitBytes = quota.limitBytes ?? defaultBytes;
  if (limitBytes !== null) {
    const usedBytes = quota.usedBytes + (await reservedBytes(tx, namespace));
    if (usedBytes + sizeBytes > limitBytes)
      return { rejected: "quota", what, namespace, limitBytes, usedBytes, addedBytes: sizeBytes };
  }
  await tx
    .updateTable("quotas")
    .set({ used_bytes: quota.usedBytes + sizeBytes })
    .where("namespace", "=", namespace)
    .execute();
  return undefined;
}

export async function isLinkedIn(tx: Db, namespace: string, blobId: number): Promise<boolean> {
  const linked = await tx
    .selectFrom("blob_links")
    .innerJoin("repositories", "repositories.id", "blob_links.repository_id")
    .select("repositories.id")
    .where("blob_links.blob_id", "=", blobId)
    .where("repositories.namespace", "=", namespace)
    .limit(1)
    .executeTakeFirst();
  return linked !== undefined;
}

/**
 * Subtracts an unlinked blob from the used bytes, unless another repository of the namespace links it. Call it after
 * the link was deleted.
 */
export async function releaseQuota(
  tx: Db,
  link: { readonly repositoryId: number; readonly blobId: number },
): Promise<void> {
  await sql`
    UPDATE quotas SET used_bytes = used_bytes - (SELECT size_bytes FROM blobs WHERE id = ${link.blobId})
    WHERE namespace = (SELECT namespace FROM repositories WHERE id = ${link.repositoryId})
      AND NOT EXISTS (
        SELECT 1 FROM blob_links JOIN repositories ON repositories.id = blob_links.repository_id
        WHERE blob_links.blob_id = ${link.blobId} AND repositories.namespace = quotas.namespace)`.execute(
    tx,
  );
}

/** Subtracts a manifest from the used bytes. Call it before its row is deleted. */
export async function releaseManifestQuota(
  tx: Db,
  manifest: { readonly id: number; readonly repositoryId: number },
): Promise<void> {
  await sql`
    UPDATE quotas SET used_bytes = used_bytes - (SELECT size_bytes FROM manifests WHERE id = ${manifest.id})
    WHERE namespace = (SELECT namespace FROM repositories WHERE id = ${manifest.repositoryId})`.execute(
    tx,
  );
}

/** Reserved bytes of the open uploads of a namespace, except of the session `without`. */
export async function reservedBytes(db: Db, namespace: string, without?: string): Promise<number> {
  // "0" is the character after "/" in ASCII.
  const found = await db
    .selectFrom("uploads")
    .select(({ fn }) => fn.coalesce(fn.sum<number>("reserved_bytes"), sql<number>`0`).as("bytes"))
    .where("repository", ">=", `${namespace}/` as RepositoryName)
    .where("repository", "<", `${namespace}0` as RepositoryName)
    .$if(without !== undefined, (query) => query.where("id", "<>", without ?? ""))
    .executeTakeFirstOrThrow();
  return found.bytes;
}

/** Counts the used bytes again: after many links were deleted at once, or when the row is wrong. */
export async function recountQuota(
  tx: Db,
  { namespace }: { readonly namespace: string },
): Promise<void> {
  await tx
    .updateTable("quotas")
    .set({ used_bytes: storedBytes(namespace) })
    .where("namespace", "=", namespace)
    .execute();
}

const storedBytes = (namespace: string) => sql<number>`(
  (SELECT coalesce(sum(size_bytes), 0) FROM blobs WHERE id IN (
    SELECT blob_links.blob_id FROM repositories
    JOIN blob_links ON blob_links.repository_id = repositories.id
    WHERE repositories.namespace = ${namespace}))
  + (SELECT coalesce(sum(manifests.size_bytes), 0) FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.namespace = ${namespace}))`;

/** Creates the quota row of a namespace with its used bytes, or sets another limit. */
export async function beginCounting(
  tx: Db,
  namespace: string,
  limitBytes: number | null,
): Promise<Quota> {
  return tx
    .insertInto("quotas")
    .values({ namespace, limit_bytes: limitBytes, used_bytes: storedBytes(namespace) })
    .onConflict((conflict) => conflict.column("namespace").doUpdateSet({ limit_bytes: limitBytes }))
    .returning(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .executeTakeFirstOrThrow();
}

interface SetQuota extends AuditContext {
  readonly namespace: string;
  readonly limitBytes: number;
}

/** Sets the limit of a namespace. Existing content stays, also above the limit. */
export async function setQuota(tx: Db, set: SetQuota): Promise<Quota> {
  const { namespace, limitBytes, nowMs, actor } = set;
  const quota = await beginCounting(tx, namespace, limitBytes);
  const data = { limitBytes: String(limitBytes) };
  const action = "org.quota.set";
  await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: namespace, data });
  return quota;
}

/** Removes the namespace's own limit; the configured default applies. False if it had none. */
export async function removeQuota(
  tx: Db,
  { namespace, nowMs, actor }: Omit<SetQuota, "limitBytes">,
): Promise<boolean> {
  const removed = await tx
    .deleteFrom("quotas")
    .where("namespace", "=", namespace)
    .where("limit_bytes", "is not", null)
    .executeTakeFirst();
  if (removed.numDeletedRows === 0n) return false;
  const action = "org.quota.remove";
  await writeAudit(tx, { nowMs, actor, account: namespace, action, subject: namespace });
  return true;
}
