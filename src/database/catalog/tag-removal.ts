import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { Tag } from "../../oci/reference.ts";
import { dialectOf } from "../dialect.ts";
import { isLive, notDeleting } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { isVisibleTo, type VisibilityFilter } from "./visibility-filter.ts";

/** Other repositories that link a blob, and manifests that name it: the first of them are checked. */
const othersAtMost = 1_000;

/** What the collector would delete after tags of a repository were deleted. */
export function createTagRemovalReads(db: Db) {
  const is = (column: string, values: readonly (string | number)[]) =>
    dialectOf(db).isOneOf(column, values);
  return {
    /** The manifests that only these tags point at. */
    async manifestsOf(repositoryId: number, tags: readonly Tag[]): Promise<readonly number[]> {
      const { rows } = await sql<{ readonly id: number }>`
        SELECT DISTINCT removed.manifest_id AS id FROM tags AS removed
        WHERE ${dialectOf(db).isOneKeyOf(["removed.repository_id", "removed.name"], repositoryId, tags)}
          AND NOT EXISTS (SELECT 1 FROM tags AS kept WHERE kept.manifest_id = removed.manifest_id
            AND NOT ${is("kept.name", tags)})`.execute(db);
      return rows.map(({ id }) => id);
    },

    /** The children and the referrers of manifests, at most `limit`. */
    async dependents(
      repositoryId: number,
      manifestIds: readonly number[],
      limit: number,
    ): Promise<readonly number[]> {
      const isOneOfThem = is("parents.id", manifestIds);
      const { rows } = await sql<{ readonly id: number }>`
        SELECT children.id AS id FROM manifests AS parents
        JOIN manifest_references AS entry ON entry.manifest_id = parents.id AND entry.kind = 'child'
        JOIN manifests AS children ON children.repository_id = ${repositoryId} AND children.digest = entry.digest
        WHERE ${isOneOfThem}
        UNION SELECT referrers.id AS id FROM manifests AS parents
        JOIN manifests AS referrers
          ON referrers.repository_id = ${repositoryId} AND referrers.subject_digest = parents.digest
        WHERE ${isOneOfThem} LIMIT ${limit}`.execute(db);
      return rows.map(({ id }) => id);
    },

    /** The candidates that nothing keeps but the tags and the manifests that are removed. The collector decides the same. */
    async unused(
      repositoryId: number,
      candidates: readonly number[],
      removed: { readonly tags: readonly Tag[]; readonly manifestIds: readonly number[] },
    ): Promise<readonly number[]> {
      const { rows } = await sql<{ readonly id: number }>`
        SELECT candidates.id AS id FROM manifests AS candidates
        WHERE ${is("candidates.id", candidates)}
          AND NOT EXISTS (SELECT 1 FROM tags
            WHERE tags.manifest_id = candidates.id AND NOT ${is("tags.name", removed.tags)})
          AND NOT EXISTS (SELECT 1 FROM manifest_references AS entry
            JOIN manifests AS parents ON parents.id = entry.manifest_id
            WHERE entry.digest = candidates.digest AND parents.repository_id = ${repositoryId}
              AND parents.id <> candidates.id AND NOT ${is("parents.id", removed.manifestIds)})
          AND NOT EXISTS (SELECT 1 FROM manifests AS subjects
            WHERE subjects.repository_id = ${repositoryId} AND subjects.digest = candidates.subject_digest
              AND subjects.id <> candidates.id AND NOT ${is("subjects.id", removed.manifestIds)})`.execute(
        db,
      );
      return rows.map(({ id }) => id);
    },

    /** The content that manifests name, each digest once, at most `limit`. */
    async contents(manifestIds: readonly number[], limit: number): Promise<readonly Digest[]> {
      const { rows } = await sql<{ readonly digest: Digest }>`
        SELECT DISTINCT digest FROM manifest_references
        WHERE ${is("manifest_id", manifestIds)} LIMIT ${limit}`.execute(db);
      return rows.map(({ digest }) => digest);
    },

    /** See {@link sumUnused}. */
    unusedBytes: (
      repositoryId: number,
      digests: readonly Digest[],
      removed: readonly number[],
      visibility: VisibilityFilter,
    ) => sumUnused(db, { repositoryId, digests, removed, visibility }),
  };
}

/**
 * The bytes of the blobs of a repository that no manifest names but the removed ones, and that no other repository
 * links which the principal may read. A blob that more than 1,000 manifests name is not counted.
 */
async function sumUnused(
  db: Db,
  of: {
    readonly repositoryId: number;
    readonly digests: readonly Digest[];
    readonly removed: readonly number[];
    readonly visibility: VisibilityFilter;
  },
): Promise<number> {
  const { repositoryId, digests, removed, visibility } = of;
  const { rows } = await sql<{ readonly bytes: number }>`
    SELECT CAST(coalesce(sum(blobs.size_bytes), 0) AS bigint) AS bytes FROM blobs
    JOIN blob_links ON blob_links.blob_id = blobs.id AND blob_links.repository_id = ${repositoryId}
    WHERE ${dialectOf(db).isOneOf("blobs.digest", digests)} AND ${notDeleting} AND ${isLive}
      AND NOT EXISTS (SELECT 1 FROM (
          SELECT manifest_id AS id FROM manifest_references AS named
          WHERE named.digest = blobs.digest LIMIT ${othersAtMost}) AS others
        JOIN manifests ON manifests.id = others.id
        WHERE manifests.repository_id = ${repositoryId} AND NOT ${dialectOf(db).isOneOf("manifests.id", removed)})
      AND (SELECT count(*) FROM (SELECT 1 AS one FROM manifest_references AS named
          WHERE named.digest = blobs.digest LIMIT ${othersAtMost}) AS others) < ${othersAtMost}
      AND NOT EXISTS (SELECT 1 FROM (
          SELECT repository_id AS id FROM blob_links AS links
          WHERE links.blob_id = blobs.id AND links.repository_id <> ${repositoryId} LIMIT ${othersAtMost}) AS others
        JOIN repositories ON repositories.id = others.id WHERE ${isVisibleTo(visibility)})`.execute(
    db,
  );
  return rows[0]?.bytes ?? 0;
}
