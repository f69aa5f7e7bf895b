import { sql } from "kysely";
import type { VisibilityFilter } from "../registry/catalog.ts";
import { isVisibleTo } from "./visibility-filter.ts";
import type { Db } from "../schema.ts";

/** A blob that a repository shows. */
export interface ShownBlob {
  readonly blobId: number;
  readonly sizeBytes: number;
  /** Whether another repository shows it too that the viewer may read: one of the first 1,000 others. */
  readonly isShared: 0 | 1;
}

/** A blob that many repositories show is not looked for in all of them. */
const othersAtMost = 1_000;

export function createStorageUsageReads(db: Db) {
  return {
    /**
     * The blobs of a repository in the order of their ids, after `last`: a repository may show very many. Without a
     * viewer none is shared.
     */
    async blobsOf(
      repositoryId: number,
      visibility: VisibilityFilter | undefined,
      { last, limit }: { readonly last: number; readonly limit: number },
    ): Promise<readonly ShownBlob[]> {
      const { rows } = await sql<ShownBlob>`
        SELECT blobs.id AS blobId, blobs.size_bytes AS sizeBytes, ${
          visibility === undefined
            ? sql`0`
            : sql`EXISTS (
          SELECT 1 FROM (
            SELECT repository_id AS id FROM blob_links AS links
            WHERE links.blob_id = blobs.id AND links.repository_id <> ${repositoryId} LIMIT ${othersAtMost}
          ) AS others JOIN repositories ON repositories.id = others.id WHERE ${isVisibleTo(visibility)})`
        } AS isShared
        FROM blob_links JOIN blobs ON blobs.id = blob_links.blob_id
        WHERE blob_links.repository_id = ${repositoryId} AND blob_links.blob_id > ${last}
          AND blobs.state <> 'deleting'
        ORDER BY blob_links.blob_id LIMIT ${limit}`.execute(db);
      return rows;
    },
  };
}
