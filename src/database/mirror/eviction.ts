import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { markUnlinkedDeleting } from "../maintenance/gc-candidates.ts";
import { dialectOf } from "../dialect.ts";
import { locked, lockName, lockRows } from "../locks.ts";
import { notDeleting } from "../query-parts.ts";
import { recountQuota } from "../registry/quotas.ts";
import type { Db } from "../schema.ts";

interface MirrorStock {
  readonly blobs: number;
  /** Of blobs that only this mirror links. */
  readonly bytes: number;
}

/** Condition: no other namespace links the blob. */
const isUnshared = (namespace: string) => sql`
  NOT EXISTS (
    SELECT 1 FROM blob_links AS others JOIN repositories AS homes ON homes.id = others.repository_id
    WHERE others.blob_id = blobs.id AND homes.namespace <> ${namespace})`;

/** Live blobs of a mirror's repositories that no other namespace links: the blobs that it could evict. */
const own = (namespace: string) => sql`
  SELECT DISTINCT blobs.id AS id, blobs.digest AS digest, blobs.size_bytes AS "sizeBytes",
    blobs.created_at AS "createdAtMs"
  FROM repositories
  JOIN blob_links ON blob_links.repository_id = repositories.id
  JOIN blobs ON blobs.id = blob_links.blob_id
  WHERE repositories.namespace = ${namespace} AND blobs.state = 'live' AND ${isUnshared(namespace)}`;

/** Digests that the pinned tags of a mirror need: the manifests and, recursively, everything that they reference. */
const pinned = (namespace: string) => sql`
  WITH RECURSIVE kept (repository_id, digest) AS (
    SELECT manifests.repository_id, manifests.digest FROM mirror_pins
    JOIN repositories ON repositories.name = mirror_pins.repository AND repositories.namespace = ${namespace}
    JOIN tags ON tags.repository_id = repositories.id AND tags.name = mirror_pins.tag
    JOIN manifests ON manifests.id = tags.manifest_id
    UNION
    SELECT kept.repository_id, manifest_references.digest FROM kept
    JOIN manifests ON manifests.repository_id = kept.repository_id AND manifests.digest = kept.digest
    JOIN manifest_references ON manifest_references.manifest_id = manifests.id
  )
  SELECT digest FROM kept`;

/** A blob in a repository of a mirror. */
export interface CachedBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** When a client last requested it, or when it was stored. */
  readonly usedAtMs: number;
  /** 1: another namespace links it, so that it is never evicted. */
  readonly isShared: 0 | 1;
}

export function createMirrorUseReads(db: Db) {
  return {
    /** The blobs of a repository by id, after `last`. */
    async cachedBlobs(
      { namespace, repositoryId }: { readonly namespace: string; readonly repositoryId: number },
      { last, limit }: { readonly last: number; readonly limit: number },
    ): Promise<readonly CachedBlob[]> {
      const { rows } = await sql<CachedBlob>`
        SELECT blobs.id AS id, blobs.digest AS digest, blobs.size_bytes AS "sizeBytes",
          coalesce(mirror_uses.used_at, blobs.created_at) AS "usedAtMs",
          CASE WHEN ${isUnshared(namespace)} THEN 0 ELSE 1 END AS "isShared"
        FROM blob_links
        JOIN blobs ON blobs.id = blob_links.blob_id
        LEFT JOIN mirror_uses ON mirror_uses.namespace = ${namespace} AND mirror_uses.blob_id = blobs.id
        WHERE blob_links.repository_id = ${repositoryId} AND blob_links.blob_id > ${last} AND blobs.state = 'live'
        ORDER BY blob_links.blob_id LIMIT ${limit}`.execute(db);
      return rows;
    },

    /** The digests that the pinned tags of a mirror need. */
    async pinnedDigests(namespace: string): Promise<ReadonlySet<Digest>> {
      const { rows } = await sql<{ readonly digest: Digest }>`${pinned(namespace)}`.execute(db);
      return new Set(rows.map(({ digest }) => digest));
    },

    async stock(namespace: string): Promise<MirrorStock> {
      const { rows } = await sql<MirrorStock>`
        SELECT count(*) AS blobs, coalesce(sum("sizeBytes"), 0) AS bytes FROM (${own(namespace)}) AS own`.execute(
        db,
      );
      return rows[0] ?? { blobs: 0, bytes: 0 };
    },
  };
}

/** Records when blobs were last requested. */
export async function useMirrorBlobs(
  tx: Db,
  use: {
    readonly namespace: string;
    readonly uses: readonly { readonly digest: Digest; readonly usedAtMs: number }[];
  },
): Promise<void> {
  const usedAtMs = new Map(use.uses.map(({ digest, usedAtMs: atMs }) => [digest, atMs]));
  const blobs = tx
    .selectFrom("blobs")
    .select(["id", "digest"])
    .where(dialectOf(tx).isOneOf("digest", [...usedAtMs.keys()]))
    .where(notDeleting)
    .orderBy("id");
  const used = await locked(tx, blobs, { mode: "share", table: "blobs" }).execute();
  for (const { id, digest } of used) {
    const row = { used_at: usedAtMs.get(digest) ?? 0 };
    await tx
      .insertInto("mirror_uses")
      .values({ namespace: use.namespace, blob_id: id, ...row })
      .onConflict((conflict) => conflict.columns(["namespace", "blob_id"]).doUpdateSet(row))
      .execute();
  }
}

interface EvictMirrorBlobs {
  readonly nowMs: number;
  readonly namespace: string;
  /** Evict only if the mirror has more than this. */
  readonly ifOverBytes: number;
  /** Evict until the mirror has at most this. */
  readonly leaveBytes: number;
  /** Blobs that are being read or were just downloaded; they are not evicted. */
  readonly except: readonly Digest[];
}

/** A blob that a mirror could evict; `keep`: a pinned image needs it. */
interface StockedBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly keep: 0 | 1;
}

/** A blob that a mirror has evicted: its row is `deleting`, its bytes are still in the store. */
interface EvictedBlob {
  readonly id: number;
  readonly sizeBytes: number;
}

/**
 * Evicts the least recently used blobs of a mirror until at most `leaveBytes` remain. A blob whose use another process
 * has not recorded yet counts as used when it was stored. Blobs that another namespace links or that a pinned image needs
 * stay. Does nothing if the mirror has at most `ifOverBytes`. No reader sees an evicted blob.
 * @returns the evicted blobs, and the bytes that remain
 */
export async function evictMirrorBlobs(
  tx: Db,
  { namespace, ifOverBytes, leaveBytes, except, nowMs }: EvictMirrorBlobs,
): Promise<{ readonly evicted: readonly EvictedBlob[]; readonly leftBytes: number }> {
  await lockName(tx, `evictions of ${namespace}`);
  const { rows: stock } = await sql<StockedBlob>`
    SELECT own.id AS id, own.digest AS digest, own."sizeBytes" AS "sizeBytes",
      CASE WHEN own.digest IN (${pinned(namespace)}) THEN 1 ELSE 0 END AS keep
    FROM (${own(namespace)}) AS own
    LEFT JOIN mirror_uses ON mirror_uses.blob_id = own.id AND mirror_uses.namespace = ${namespace}
    ORDER BY coalesce(mirror_uses.used_at, own."createdAtMs"), own.id`.execute(tx);
  let leftBytes = stock.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (leftBytes <= ifOverBytes) return { evicted: [], leftBytes };
  const spared = new Set(except);
  const chosen: StockedBlob[] = [];
  for (const blob of stock) {
    if (leftBytes <= leaveBytes) break;
    if (blob.keep === 1 || spared.has(blob.digest)) continue;
    leftBytes -= blob.sizeBytes;
    chosen.push(blob);
  }
  const free = await lockOwn(tx, namespace, chosen);
  const evicted: EvictedBlob[] = [];
  for (const { id, sizeBytes } of chosen) {
    if (!free.has(id)) {
      leftBytes += sizeBytes;
      continue;
    }
    await tx.deleteFrom("blob_links").where("blob_id", "=", id).execute();
    await tx.deleteFrom("mirror_uses").where("blob_id", "=", id).execute();
    await markUnlinkedDeleting(tx, { blobId: id, nowMs });
    evicted.push({ id, sizeBytes });
  }
  if (evicted.length > 0) await recountQuota(tx, { namespace });
  return { evicted, leftBytes };
}

/**
 * Locks blobs and the repositories that link them. Returns the ids of the blobs that still no other namespace links,
 * without those that another command has locked.
 */
async function lockOwn(
  tx: Db,
  namespace: string,
  blobs: readonly StockedBlob[],
): Promise<ReadonlySet<number>> {
  const ids = blobs.map(({ id }) => id);
  const dialect = dialectOf(tx);
  const linking = tx
    .selectFrom("blob_links")
    .select("repository_id")
    .where(dialect.isOneOf("blob_id", ids));
  const repositories = tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .where("id", "in", linking)
    .orderBy("id");
  await lockRows(tx, repositories, { mode: "change", table: "repositories" });
  const free = tx.selectFrom("blobs").select("id").where(dialect.isOneOf("id", ids)).orderBy("id");
  const lock = { mode: "remove", table: "blobs", skipLocked: true } as const;
  const lockedIds = (await locked(tx, free, lock).execute()).map(({ id }) => id);
  const { rows } = await sql<{ readonly id: number }>`
    SELECT id FROM blobs WHERE ${dialect.isOneOf("id", lockedIds)} AND state = 'live' AND ${isUnshared(namespace)}`.execute(
    tx,
  );
  return new Set(rows.map(({ id }) => id));
}
