import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import { scanColumns, type TagScan } from "../catalog/tag-pages.ts";
import { createTagRelationReads } from "../catalog/tag-relations.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";

/* What retention reads to make its plan. */

/** A repository as a plan has seen it. A push or a delete changes one of these. */
export interface SeenRepository {
  readonly id: number;
  readonly updatedAtMs: number;
  readonly tagCount: number;
}

export interface RetainedRepository extends SeenRepository {
  readonly name: RepositoryName;
  readonly createdAtMs: number;
  /** `null`: no tag is immutable; an empty list: all are. */
  readonly immutableTags: TagPatterns | null;
}

export interface UntaggedManifest {
  readonly id: number;
  readonly digest: Digest;
}

interface HistoryPosition {
  readonly name: Tag;
  readonly id: number;
}

export interface UntaggedQuery {
  /** The last event that ended a use was until then; as `due_at` of the candidate. */
  readonly dueBeforeMs: number;
  readonly nowMs: number;
}

export const createRetentionReads = (db: Db) => ({ ...readsOfTags(db), ...readsOfUntagged(db) });

function readsOfTags(db: Db) {
  return {
    async repository(name: RepositoryName): Promise<RetainedRepository | undefined> {
      const row = await db
        .selectFrom("repositories")
        .select(["id", "name", "created_at as createdAtMs", "updated_at as updatedAtMs"])
        .select(["tag_count as tagCount", "immutable_tags as immutableTags"])
        .where("name", "=", name)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { immutableTags } = row;
      const patterns = immutableTags === null ? null : (JSON.parse(immutableTags) as TagPatterns);
      return { ...row, immutableTags: patterns };
    },

    /** As `tagPages.scan`, which may be older than the last change. */
    scan: (repositoryId: number, request: TagScan) => scanColumns(db, repositoryId, request),

    /** Those of the digests that are manifests of the repository, with the ids of the manifests. */
    async existing(
      repositoryId: number,
      digests: readonly Digest[],
    ): Promise<ReadonlyMap<Digest, number>> {
      if (digests.length === 0) return new Map();
      const rows = await db
        .selectFrom("manifests")
        .select(["digest", "id"])
        .where(dialectOf(db).isOneKeyOf(["repository_id", "digest"], repositoryId, digests))
        .execute();
      return new Map(rows.map(({ digest, id }) => [digest, id]));
    },

    /** Reads `limit` entries of the histories of all tags, after `last`, in the order of the tags. */
    async history(
      repositoryId: number,
      { last, limit }: { readonly last: HistoryPosition | undefined; readonly limit: number },
    ): Promise<{
      readonly digests: readonly (Digest | null)[];
      readonly next: HistoryPosition | undefined;
    }> {
      const rows = await db
        .selectFrom("tag_history")
        .select(["name", "id", "digest"])
        .where("repository_id", "=", repositoryId)
        .$if(last !== undefined, (query) =>
          query.where(sql<boolean>`(name, id) > (${last?.name}, ${last?.id})`),
        )
        .orderBy("name")
        .orderBy("id")
        .limit(limit)
        .execute();
      const end = rows.length < limit ? undefined : rows.at(-1);
      const next = end && { name: end.name, id: end.id };
      return { digests: rows.map(({ digest }) => digest), next };
    },

    /** As `tagRelations.signed`, which may be older than the last change. */
    signed: (manifestIds: readonly number[]) => createTagRelationReads(db).signed(manifestIds),
  };
}

function readsOfUntagged(db: Db) {
  return {
    /**
     * Reads `limit` manifests by digest, after `last`. Returns those that no tag, index or subject keeps, and the position
     * of the next page; `undefined`: there is none.
     */
    async untagged(
      repositoryId: number,
      { last, limit, ...query }: UntaggedQuery & { readonly last: string; readonly limit: number },
    ): Promise<{
      readonly found: readonly UntaggedManifest[];
      readonly next: string | undefined;
    }> {
      const { rows } = await sql<UntaggedManifest & { readonly isUnused: 0 | 1 }>`
        SELECT manifests.id AS id, manifests.digest AS digest,
          CASE WHEN ${isOver(query)}
            AND NOT EXISTS (SELECT 1 FROM tags WHERE tags.manifest_id = manifests.id)
            AND NOT EXISTS (SELECT 1 FROM manifest_references AS entry
              JOIN manifests AS parents ON parents.id = entry.manifest_id
              WHERE entry.digest = manifests.digest AND parents.repository_id = ${repositoryId}
                AND parents.id <> manifests.id)
            AND NOT EXISTS (SELECT 1 FROM manifests AS subjects
              WHERE subjects.repository_id = ${repositoryId} AND subjects.digest = manifests.subject_digest
                AND subjects.id <> manifests.id)
          THEN 1 ELSE 0 END AS "isUnused"
        FROM manifests WHERE manifests.repository_id = ${repositoryId} AND manifests.digest > ${last}
        ORDER BY manifests.digest LIMIT ${limit}`.execute(db);
      const found = rows.filter(({ isUnused }) => isUnused === 1);
      return {
        found: found.map(({ id, digest }) => ({ id, digest })),
        next: rows.length < limit ? undefined : rows.at(-1)?.digest,
      };
    },

    /** Those of the manifests whose lease and time without a tag would be over, if they lost what keeps them now. */
    async over(
      manifestIds: readonly number[],
      query: UntaggedQuery,
    ): Promise<readonly UntaggedManifest[]> {
      const { rows } = await sql<UntaggedManifest>`
        SELECT manifests.id AS id, manifests.digest AS digest FROM manifests
        WHERE ${dialectOf(db).isOneOf("manifests.id", manifestIds)} AND manifests.leased_until <= ${query.nowMs}
          AND NOT EXISTS (SELECT 1 FROM manifest_reviews AS review
            WHERE review.manifest_id = manifests.id AND review.due_at > ${query.dueBeforeMs})
        ORDER BY manifests.digest`.execute(db);
      return rows;
    },
  };
}

const isOver = ({ dueBeforeMs, nowMs }: UntaggedQuery) => sql<boolean>`
  manifests.leased_until <= ${nowMs} AND EXISTS (SELECT 1 FROM manifest_reviews AS review
    WHERE review.manifest_id = manifests.id AND review.due_at <= ${dueBeforeMs})`;
