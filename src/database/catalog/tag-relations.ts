import { sql } from "kysely";
import type { Tag } from "../../oci/reference.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";

/** Operating system, architecture and bytes of the images of a manifest. */
export interface PlatformSize {
  readonly manifestId: number;
  readonly os: string;
  readonly architecture: string;
  readonly sizeBytes: number;
}

/** Artifact types of signatures: cosign before and after version 3, and Notation. */
const signatureTypes = [
  "application/vnd.dev.cosign.artifact.sig.v1+json",
  "application/vnd.dev.sigstore.bundle.v0.3+json",
  "application/vnd.cncf.notary.signature",
];
/** Referrers of one manifest that are checked. */
const referrersAtMost = 100;
/** Entries of an index that are read, as on a page of tags. */
const entriesAtMost = 200;

/** What the manifests of tags have in common with other tags and manifests. */
export function createTagRelationReads(db: Db) {
  return {
    /** At most `limit` tags of each manifest, by manifest id; PostgreSQL may return any of them. */
    async tagsOf(
      manifestIds: readonly number[],
      limit: number,
    ): Promise<ReadonlyMap<number, readonly Tag[]>> {
      if (manifestIds.length === 0) return new Map();
      const { rows } = await sql<{ readonly id: number; readonly names: string | null }>`
        SELECT manifests.id AS id, (SELECT string_agg(name, ' ') FROM (
          SELECT name FROM tags WHERE tags.manifest_id = manifests.id LIMIT ${limit}) AS others) AS names
        FROM manifests WHERE ${dialectOf(db).isOneOf("manifests.id", manifestIds)}`.execute(db);
      return new Map(rows.map(({ id, names }) => [id, (names?.split(" ") ?? []) as Tag[]]));
    },

    /** The manifests for which one of the first 100 referrers is a signature. */
    async signed(manifestIds: readonly number[]): Promise<ReadonlySet<number>> {
      if (manifestIds.length === 0) return new Set();
      const { rows } = await sql<{ readonly id: number }>`
        SELECT subjects.id AS id FROM manifests AS subjects
        WHERE ${dialectOf(db).isOneOf("subjects.id", manifestIds)} AND EXISTS (
          SELECT 1 FROM (SELECT artifact_type FROM manifests
            WHERE manifests.repository_id = subjects.repository_id AND manifests.subject_digest = subjects.digest
            ORDER BY manifests.digest LIMIT ${referrersAtMost}) AS others
          WHERE artifact_type IN (${sql.join(signatureTypes)}))`.execute(db);
      return new Set(rows.map(({ id }) => id));
    },

    /** The platforms of manifests of a repository; of an index those of its first 200 entries, without attestations. */
    async platforms(
      repositoryId: number,
      manifestIds: readonly number[],
    ): Promise<readonly PlatformSize[]> {
      const isWanted = dialectOf(db).isOneOf("tagged.id", manifestIds);
      const { rows } = await sql<PlatformSize>`
        SELECT tagged.id AS "manifestId", coalesce(tagged.os, '') AS os,
          coalesce(tagged.architecture, '') AS architecture, coalesce(image_sizes.size_bytes, 0) AS "sizeBytes"
        FROM manifests AS tagged LEFT JOIN image_sizes ON image_sizes.manifest_id = tagged.id
        WHERE ${isWanted} AND tagged.kind <> 'index'
        UNION ALL
        SELECT id AS "manifestId", os, architecture, CAST(sum(size) AS bigint) AS "sizeBytes" FROM (
          SELECT tagged.id AS id, coalesce(image_sizes.size_bytes, 0) AS size,
            coalesce(CASE WHEN entry.os IS NULL AND entry.architecture IS NULL THEN image.os ELSE entry.os END, '') AS os,
            coalesce(CASE WHEN entry.os IS NULL AND entry.architecture IS NULL THEN image.architecture
              ELSE entry.architecture END, '') AS architecture
          FROM manifests AS tagged
          JOIN manifest_references AS entry ON entry.manifest_id = tagged.id
          LEFT JOIN manifests AS image ON image.repository_id = ${repositoryId} AND image.digest = entry.digest
          LEFT JOIN image_sizes ON image_sizes.manifest_id = image.id
          WHERE ${isWanted} AND tagged.kind = 'index' AND entry.kind = 'child' AND entry.position < ${entriesAtMost}
        ) AS entries
        WHERE NOT (os = 'unknown' AND architecture = 'unknown')
        GROUP BY id, os, architecture`.execute(db);
      return rows;
    },
  };
}
