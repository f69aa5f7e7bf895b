import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { recordEvents } from "../events/events.ts";
import type { Actor } from "../permissions/authority.ts";
import type { OverQuota } from "../rejections.ts";
import type { Db } from "../schema.ts";
import { beginCounting, lockQuota } from "./quotas.ts";

/*
 * What commands add to and subtract from the used bytes of a namespace, in the transaction that adds or removes a link
 * or a manifest. Open uploads are counted from their own rows (`reservedBytes`).
 */

export interface QuotaReservation {
  /** Whether the namespace has a quota row, read after its repository was locked. */
  readonly hasQuota: boolean;
  readonly item: Item;
}

interface CountedPush {
  readonly namespace: string;
  /** The limit if no row has one; `null`: no limit. */
  readonly defaultBytes: number | null;
  readonly actor: Actor;
  readonly nowMs: number;
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
 * rejection and changes nothing; only webhooks are told.
 */
export async function reserveQuota(
  tx: Db,
  { namespace, defaultBytes, ...context }: CountedPush,
  { hasQuota, item }: QuotaReservation,
): Promise<OverQuota | undefined> {
  const { what, blobId, sizeBytes } = item;
  const row = hasQuota ? await lockQuota(tx, namespace) : undefined;
  if (row === undefined && defaultBytes === null) return undefined;
  const quota = row ?? (await beginCounting(tx, namespace));
  if (blobId !== undefined && (await isLinkedIn(tx, namespace, blobId))) return undefined;
  const limitBytes = quota.limitBytes ?? defaultBytes;
  const added = tx
    .updateTable("quotas")
    .set({ used_bytes: quota.usedBytes + sizeBytes })
    .where("namespace", "=", namespace);
  if (limitBytes === null) {
    await added.execute();
    return undefined;
  }
  const freeBytes = limitBytes - quota.usedBytes - sizeBytes;
  const { numUpdatedRows } = await added
    .where(selectReservedBytes(tx, namespace), "<=", freeBytes)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) {
    const nearBytes = limitBytes * nearQuota;
    const usedBytes = quota.usedBytes + sizeBytes;
    if (quota.usedBytes < nearBytes && usedBytes >= nearBytes)
      await recordEvents(tx, context, {
        ...{ type: "quota.near", namespace, data: { usedBytes, limitBytes } },
      });
    return undefined;
  }
  const usedBytes = quota.usedBytes + (await reservedBytes(tx, namespace));
  await recordOverQuota(tx, context, { namespace, usedBytes, limitBytes });
  return { rejected: "quota", what, namespace, limitBytes, usedBytes, addedBytes: sizeBytes };
}

/** Webhooks are told when a namespace has used this part of its quota. */
const nearQuota = 0.9;
/** The rejections of a client that tries again and again are one event in this time. */
const overQuotaEveryMs = 3_600_000;

/** Tells webhooks that a push was rejected, once an hour. */
export async function recordOverQuota(
  tx: Db,
  context: { readonly actor: Pick<Actor, "name" | "peer">; readonly nowMs: number },
  use: { readonly namespace: string; readonly usedBytes: number; readonly limitBytes: number },
): Promise<void> {
  const { namespace, usedBytes, limitBytes } = use;
  await recordEvents(tx, context, {
    type: "quota.over",
    namespace,
    data: { usedBytes, limitBytes },
    onlyIf: sql`NOT EXISTS (SELECT 1 FROM events WHERE namespace = ${namespace} AND type = 'quota.over'
      AND at > ${context.nowMs - overQuotaEveryMs})`,
  });
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

const selectReservedBytes = (db: Db, namespace: string) =>
  // "0" is the character after "/" in ASCII.
  db
    .selectFrom("uploads")
    .select(({ fn }) => fn.coalesce(fn.sum<number>("reserved_bytes"), sql<number>`0`).as("bytes"))
    .where("repository", ">=", `${namespace}/` as RepositoryName)
    .where("repository", "<", `${namespace}0` as RepositoryName);

/** Reserved bytes of the open uploads of a namespace, except of the session `without`. */
export async function reservedBytes(db: Db, namespace: string, without?: string): Promise<number> {
  const found = await selectReservedBytes(db, namespace)
    .$if(without !== undefined, (query) => query.where("id", "<>", without ?? ""))
    .executeTakeFirstOrThrow();
  return found.bytes;
}
