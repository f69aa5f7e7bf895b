import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { dialectOf } from "../dialect.ts";
import { isLive, notDeleting } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { isVisibleTo, type VisibilityFilter } from "./visibility-filter.ts";

/** A blob that is linked in a repository. */
interface ShownBlob {
  readonly blobId: number;
  readonly sizeBytes: number;
  /** Whether another repository that the principal may read links it too; the first 1,000 others are checked. */
  readonly isShared: 0 | 1;
}

/** A blob that some of several repositories link. */
interface LinkedBlob {
  readonly blobId: number;
  readonly sizeBytes: number;
  /** The number of these repositories. */
  readonly links: number;
}

/** Where else a blob of an image is used. */
interface SharedBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Other repositories that link it and that the principal may read, among the first 1,000 that link it. */
  readonly repositories: number;
  /** Tags of this repository whose images have it, at most 1,000, among the first 1,000 manifests that name it. */
  readonly tags: number;
  /** Whether another one of these manifests is in this repository. */
  readonly isUsedHere: 0 | 1;
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

    /**
     * The blobs of some repositories, in any order, with the number of these repositories that link each. `undefined`:
     * they have more than `atMost` links.
     */
    linkedIn: (repositoryIds: readonly number[], atMost: number) =>
      linkedIn(db, repositoryIds, atMost),

    /** The use of blobs of one image in and outside its repository, in any order. */
    async sharing(
      { repositoryId, manifestId }: { readonly repositoryId: number; readonly manifestId: number },
      digests: readonly Digest[],
      visibility: VisibilityFilter,
    ): Promise<readonly SharedBlob[]> {
      const images = sql`(SELECT manifest_id AS id FROM manifest_references AS named
          WHERE named.digest = blobs.digest LIMIT ${othersAtMost}) AS others
        JOIN manifests ON manifests.id = others.id AND manifests.repository_id = ${repositoryId}`;
      const { rows } = await sql<SharedBlob>`
        SELECT blobs.digest AS digest, blobs.size_bytes AS "sizeBytes",
          (SELECT count(*) FROM (SELECT repository_id AS id FROM blob_links AS links
              WHERE links.blob_id = blobs.id AND links.repository_id <> ${repositoryId} LIMIT ${othersAtMost}) AS others
            JOIN repositories ON repositories.id = others.id WHERE ${isVisibleTo(visibility)}) AS repositories,
          (SELECT count(*) FROM (SELECT tags.name FROM (
              SELECT manifests.id AS id FROM ${images}
              UNION SELECT indexes.id AS id FROM ${images}
                JOIN manifest_references AS entry ON entry.digest = manifests.digest AND entry.kind = 'child'
                JOIN manifests AS indexes ON indexes.id = entry.manifest_id AND indexes.repository_id = ${repositoryId}
            ) AS users JOIN tags ON tags.manifest_id = users.id LIMIT ${othersAtMost}) AS counted) AS tags,
          CASE WHEN EXISTS (SELECT 1 FROM ${images} WHERE manifests.id <> ${manifestId}) THEN 1 ELSE 0 END AS "isUsedHere"
        FROM blobs
        JOIN blob_links ON blob_links.blob_id = blobs.id AND blob_links.repository_id = ${repositoryId}
        WHERE ${dialectOf(db).isOneOf("blobs.digest", digests)} AND ${notDeleting} AND ${isLive}`.execute(
        db,
      );
      return rows;
    },
  };
}

async function linkedIn(
  db: Db,
  repositoryIds: readonly number[],
  atMost: number,
): Promise<readonly LinkedBlob[] | undefined> {
  const links = db
    .selectFrom("blob_links")
    .select("blob_id")
    .where(dialectOf(db).isOneOf("repository_id", repositoryIds))
    .limit(atMost + 1)
    .as("links");
  const { count } = await db
    .selectFrom(links)
    .select((row) => row.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  if (count > atMost) return undefined;
  return db
    .selectFrom(links)
    .innerJoin("blobs", "blobs.id", "links.blob_id")
    .select(["blobs.id as blobId", "blobs.size_bytes as sizeBytes"])
    .select((row) => row.fn.countAll<number>().as("links"))
    .where(notDeleting)
    .groupBy(["blobs.id", "blobs.size_bytes"])
    .execute();
}
