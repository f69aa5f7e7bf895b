import { sql } from "kysely";
import type { Db } from "../schema.ts";
import { isVisibleTo, type VisibilityFilter } from "./visibility-filter.ts";

/** A blob that is linked in a repository. */
interface ShownBlob {
  readonly blobId: number;
  readonly sizeBytes: number;
  /** Whether another repository that the principal may read links it too; the first 1,000 others are checked. */
  readonly isShared: 0 | 1;
}

/** Limits the check for a blob that many repositories link. */
const othersAtMost = 1_000;

export function createStorageUsageReads(db: Db) {
  return {
    /**
     * The blobs of a repository in the order of their ids, after `last`. Pages, since a repository may have very many.
     * Without `visibility`, `isShared` is 0.
     */
    async blobsOf(
      repositoryId: number,
      visibility: VisibilityFilter | undefined,
      { last, limit }: { readonly last: number; readonly limit: number },
    ): Promise<readonly ShownBlob[]> {
      const { rows } = await sql<ShownBlob>`
        SELECT blobs.id AS "blobId", blobs.size_bytes AS "sizeBytes", ${
          visibility === undefined
            ? sql`0`
            : sql`CASE WHEN EXISTS (
          SELECT 1 FROM (
            SELECT repository_id AS id FROM blob_links AS links
            WHERE links.blob_id = blobs.id AND links.repository_id <> ${repositoryId} LIMIT ${othersAtMost}
          ) AS others JOIN repositories ON repositories.id = others.id WHERE ${isVisibleTo(visibility)}) THEN 1 ELSE 0 END`
        } AS "isShared"
        FROM blob_links JOIN blobs ON blobs.id = blob_links.blob_id
        WHERE blob_links.repository_id = ${repositoryId} AND blob_links.blob_id > ${last}
          AND blobs.state <> 'deleting'
        ORDER BY blob_links.blob_id LIMIT ${limit}`.execute(db);
      return rows;
    },
  };
}
