import { sql } from "kysely";
import { dialectOf } from "../dialect.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { locked, lockName, lockRows } from "../locks.ts";
import { sumOfSizes } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/*
 * The quota of a namespace counts the bytes of the distinct blobs that its repositories link, and of their manifests.
 * The sum is in the quota's row. Every transaction that adds or removes a link or a manifest updates it; a namespace
 * without a row costs nothing. `quota-changes.ts` adds and subtracts.
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

    /** A page of the namespaces with repositories or a quota, in order. `usedBytes` is `null` for those without a row. */
    async page({ limit, offset }: { readonly limit: number; readonly offset: number }) {
      const names = sql`(SELECT namespace FROM repositories UNION SELECT namespace FROM quotas)`;
      const counted = await sql<{ readonly count: number }>`
        SELECT count(*) AS count FROM ${names} AS names`.execute(db);
      const { rows } = await sql<{
        readonly namespace: string;
        readonly limitBytes: number | null;
        readonly usedBytes: number | null;
      }>`
        SELECT names.namespace AS namespace, quotas.limit_bytes AS "limitBytes", quotas.used_bytes AS "usedBytes"
        FROM ${names} AS names LEFT JOIN quotas ON quotas.namespace = names.namespace
        ORDER BY names.namespace LIMIT ${limit} OFFSET ${offset}`.execute(db);
      return { count: counted.rows[0]?.count ?? 0, items: rows };
    },

    /** The namespaces with a row that use the most bytes, the largest first. */
    largest: (limit: number): Promise<readonly (Quota & { readonly namespace: string })[]> =>
      db
        .selectFrom("quotas")
        .select(["namespace", "limit_bytes as limitBytes", "used_bytes as usedBytes"])
        .orderBy("used_bytes", "desc")
        .orderBy("namespace")
        .limit(limit)
        .execute(),

    /** The bytes of the manifests of a repository. */
    async manifestBytes(repositoryId: number): Promise<number> {
      const { bytes } = await db
        .selectFrom("manifests")
        .select(sumOfSizes.as("bytes"))
        .where("repository_id", "=", repositoryId)
        .executeTakeFirstOrThrow();
      return bytes;
    },

    /**
     * The bytes of the manifests of some repositories, and the ids of the blobs that they link, several times if several
     * link them. `undefined`: there are more than `atMost` manifests or links.
     */
    contentOf: (repositoryIds: readonly number[], atMost: number) =>
      contentOf(db, repositoryIds, atMost),

    /** The sum of the sizes of distinct blobs. */
    async blobBytes(ids: readonly number[]): Promise<number> {
      const { bytes } = await db
        .selectFrom("blobs")
        .select(sumOfSizes.as("bytes"))
        .where(dialectOf(db).isOneOf("id", ids))
        .executeTakeFirstOrThrow();
      return bytes;
    },

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

async function contentOf(
  db: Db,
  repositoryIds: readonly number[],
  atMost: number,
): Promise<{ readonly manifestBytes: number; readonly blobIds: readonly number[] } | undefined> {
  const areTheirs = dialectOf(db).isOneOf("repository_id", repositoryIds);
  const links = await db
    .selectFrom("blob_links")
    .select("blob_id as id")
    .where(areTheirs)
    .limit(atMost + 1)
    .execute();
  if (links.length > atMost) return undefined;
  const manifests = await db
    .selectFrom((one) =>
      one
        .selectFrom("manifests")
        .select("size_bytes")
        .where(areTheirs)
        .limit(atMost + 1)
        .as("some"),
    )
    .select((row) => [row.fn.countAll<number>().as("count"), sumOfSizes.as("bytes")])
    .executeTakeFirstOrThrow();
  if (manifests.count > atMost) return undefined;
  return { manifestBytes: manifests.bytes, blobIds: links.map(({ id }) => id) };
}

const selectQuota = (db: Db, namespace: string) =>
  db
    .selectFrom("quotas")
    .select(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .where("namespace", "=", namespace);

export const findQuota = (db: Db, namespace: string): Promise<Quota | undefined> =>
  selectQuota(db, namespace).executeTakeFirst();

/** Locks the quota's row, if there is one. */
export const lockQuota = (tx: Db, namespace: string): Promise<Quota | undefined> =>
  locked(tx, selectQuota(tx, namespace), { mode: "change", table: "quotas" }).executeTakeFirst();

/** Locks the quotas of the namespaces of several repositories. */
export async function lockQuotas(tx: Db, repositoryIds: readonly number[]): Promise<void> {
  const namespaces = tx
    .selectFrom("repositories")
    .select("namespace")
    .where(dialectOf(tx).isOneOf("id", repositoryIds));
  const quotas = tx
    .selectFrom("quotas")
    .select("namespace")
    .where("namespace", "in", namespaces)
    .orderBy("namespace");
  await lockRows(tx, quotas, { mode: "change", table: "quotas" });
}

/** Counts the used bytes again: after many links were deleted at once, or when the row is wrong. */
export async function recountQuota(
  tx: Db,
  { namespace }: { readonly namespace: string },
): Promise<void> {
  if ((await lockQuota(tx, namespace)) === undefined) return;
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

/**
 * Creates the quota row of a namespace with its used bytes. If another command has just created it, sets `limitBytes`
 * unless it is `undefined`.
 */
export async function beginCounting(
  tx: Db,
  namespace: string,
  limitBytes?: number,
): Promise<Quota> {
  await lockContent(tx, namespace);
  return tx
    .insertInto("quotas")
    .values({ namespace, limit_bytes: limitBytes ?? null, used_bytes: storedBytes(namespace) })
    .onConflict((conflict) =>
      conflict
        .column("namespace")
        .doUpdateSet((row) =>
          limitBytes === undefined
            ? { used_bytes: row.ref("quotas.used_bytes") }
            : { limit_bytes: limitBytes },
        ),
    )
    .returning(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .executeTakeFirstOrThrow();
}

/**
 * Waits for the commands that add or remove content in the namespace, and stops new ones: they have not seen that the
 * namespace is counted.
 */
async function lockContent(tx: Db, namespace: string): Promise<void> {
  await lockName(tx, `namespace ${namespace}`);
  const repositories = tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .orderBy("id");
  await lockRows(tx, repositories, { mode: "remove", table: "repositories" });
}

interface SetQuota extends AuditContext {
  readonly namespace: string;
  readonly limitBytes: number;
}

/** Sets the limit of a namespace. Existing content stays, also above the limit. */
export async function setQuota(tx: Db, set: SetQuota): Promise<Quota> {
  const { namespace, limitBytes, nowMs, actor } = set;
  const changed = await tx
    .updateTable("quotas")
    .set({ limit_bytes: limitBytes })
    .where("namespace", "=", namespace)
    .returning(["limit_bytes as limitBytes", "used_bytes as usedBytes"])
    .executeTakeFirst();
  const quota = changed ?? (await beginCounting(tx, namespace, limitBytes));
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
