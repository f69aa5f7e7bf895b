import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import { isMissing } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/* What the stored blobs belong to, for the overview of administrators. */

/** The link of a blob that may have lost its last manifest. */
interface Candidate {
  readonly repositoryId: number;
  readonly blobId: number;
  readonly sizeBytes: number;
  /** Whether a manifest of a repository that links the blob names it, among the first 1,000 that name it. */
  readonly isNamed: 0 | 1;
}

/** Manifests that name a blob: the first of them are checked. */
const manifestsAtMost = 1_000;

export function createStoredBlobReads(db: Db) {
  return {
    /** Number of blobs whose bytes are absent or wrong. */
    async countMissing(): Promise<number> {
      const { count } = await db
        .selectFrom("blobs")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where(isMissing)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** The bytes that only one repository links, by repository, of the blobs with ids after `after` and up to `until`. */
    async unique(range: {
      readonly after: number;
      readonly until: number;
    }): Promise<readonly { readonly repositoryId: number; readonly bytes: number }[]> {
      const links = sql`FROM blob_links AS links WHERE links.blob_id = blobs.id`;
      const { rows } = await sql<{ readonly repositoryId: number; readonly bytes: number }>`
        SELECT owned.owner AS "repositoryId", CAST(sum(owned.bytes) AS bigint) AS bytes FROM (
          SELECT (SELECT links.repository_id ${links} LIMIT 1) AS owner, blobs.size_bytes AS bytes FROM blobs
          WHERE blobs.id > ${range.after} AND blobs.id <= ${range.until}
            AND (SELECT count(*) FROM (SELECT 1 AS one ${links} LIMIT 2) AS first_links) = 1) AS owned
        GROUP BY owned.owner`.execute(db);
      return rows;
    },

    /** The names of repositories by id. */
    async namesOf(ids: readonly number[]): Promise<ReadonlyMap<number, RepositoryName>> {
      const rows = await db
        .selectFrom("repositories")
        .select(["id", "name"])
        .where(dialectOf(db).isOneOf("id", ids))
        .execute();
      return new Map(rows.map(({ id, name }) => [id, name]));
    },

    /** The next GC candidates among the links of blobs, in the order of repository and blob. */
    async candidates(page: {
      readonly after: Pick<Candidate, "repositoryId" | "blobId">;
      readonly limit: number;
    }): Promise<readonly Candidate[]> {
      const { after, limit } = page;
      const { rows } = await sql<Candidate>`
        SELECT reviews.repository_id AS "repositoryId", blobs.id AS "blobId", blobs.size_bytes AS "sizeBytes",
          CASE WHEN EXISTS (
            SELECT 1 FROM (SELECT named.manifest_id AS id FROM manifest_references AS named
              WHERE named.digest = blobs.digest LIMIT ${manifestsAtMost}) AS users
            JOIN manifests ON manifests.id = users.id
            JOIN blob_links AS links ON links.repository_id = manifests.repository_id AND links.blob_id = blobs.id
          ) THEN 1 ELSE 0 END AS "isNamed"
        FROM blob_reviews AS reviews JOIN blobs ON blobs.id = reviews.blob_id
        WHERE (reviews.repository_id, reviews.blob_id) > (${after.repositoryId}, ${after.blobId})
        ORDER BY reviews.repository_id, reviews.blob_id LIMIT ${limit}`.execute(db);
      return rows;
    },
  };
}
