import { sql } from "kysely";
import { dialectOf } from "../dialect.ts";
import { sumOfSizes } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { findQuota, type Quota } from "./quotas.ts";

/* How much namespaces use, for clients and administrators. */

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
