import { sql } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import { matcherOf, type TagPatterns } from "../../oci/tag-patterns.ts";
import { scanColumns, type TagScan } from "../catalog/tag-pages.ts";
import { dialectOf } from "../dialect.ts";
import { writeAudit } from "../events/audit.ts";
import { locked } from "../locks.ts";
import { releaseManifestQuota } from "../registry/quota-changes.ts";
import { lockQuotas } from "../registry/quotas.ts";
import { lockRepository, touchRepository } from "../registry/repositories.ts";
import { removeTags, type TagChange } from "../registry/tags.ts";
import type { Db } from "../schema.ts";
import { isKept } from "./collection.ts";
import { addCandidatesOf } from "./gc-candidates.ts";
import { isStillPolicy, type StoredRetentionPolicy } from "./retention-policies.ts";

/*
 * What retention reads to make its plan, and the commands that delete. A plan is made of several reads, so a command
 * deletes only if the repository is still as the plan has seen it.
 */

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

interface UntaggedQuery {
  /** The last event that ended a use was until then; as `due_at` of the candidate. */
  readonly dueBeforeMs: number;
  readonly nowMs: number;
}

export function createRetentionReads(db: Db) {
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

    /** Those of the digests that are manifests of the repository. */
    async existing(repositoryId: number, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
      if (digests.length === 0) return new Set();
      const rows = await db
        .selectFrom("manifests")
        .select("digest")
        .where(dialectOf(db).isOneKeyOf(["repository_id", "digest"], repositoryId, digests))
        .execute();
      return new Set(rows.map(({ digest }) => digest));
    },

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

interface Expiry extends TagChange {
  readonly seen: SeenRepository;
  readonly policy: StoredRetentionPolicy;
}

/** `changed`: the repository, or its policy, is not as the plan has seen it; nothing was deleted. */
type Expired<T> = "changed" | ({ readonly seen: SeenRepository } & T);

/**
 * Deletes tags that a plan has chosen, at most 100. Immutable tags were no part of the plan, so one among them is a
 * change.
 */
export async function expireTags(
  tx: Db,
  expiry: Expiry & {
    readonly tags: readonly { readonly name: Tag; readonly updatedAtMs: number }[];
  },
): Promise<Expired<{ readonly deleted: number }>> {
  const { repository, policy, seen, tags, nowMs } = expiry;
  const home = await lockSeen(tx, expiry);
  if (home === undefined || !(await isStillPolicy(tx, repository, policy))) return "changed";
  const isImmutable =
    home.immutableTags === null ? () => false : await matcherOf(home.immutableTags);
  const names = tags.map(({ name }) => name);
  const found = await tx
    .selectFrom("tags")
    .select(["name", "manifest_id as manifestId", "updated_at as updatedAtMs"])
    .where("repository_id", "=", seen.id)
    .where("name", "in", names)
    .orderBy("name")
    .execute();
  const pushedAtMs = new Map(found.map(({ name, updatedAtMs }) => [name, updatedAtMs]));
  const isSame = tags.every(
    ({ name, updatedAtMs }) => pushedAtMs.get(name) === updatedAtMs && !isImmutable(name),
  );
  if (!isSame) return "changed";
  await removeTags(tx, seen.id, found, { ...expiry, data: { reason: "retention" } });
  const now = { id: seen.id, updatedAtMs: nowMs, tagCount: seen.tagCount - found.length };
  return { seen: now, deleted: found.length };
}

/** Locks the repository; `undefined`: it is not as the plan has seen it. */
async function lockSeen(tx: Db, { repository, seen }: Pick<Expiry, "repository" | "seen">) {
  const home = await lockRepository(tx, repository, "change");
  if (home?.id !== seen.id) return undefined;
  const now = await tx
    .selectFrom("repositories")
    .select(["updated_at", "tag_count"])
    .where("id", "=", seen.id)
    .executeTakeFirst();
  const isSame = now?.updated_at === seen.updatedAtMs && now.tag_count === seen.tagCount;
  return isSame ? home : undefined;
}

/**
 * Deletes those of the manifests that nothing keeps now, and whose lease and time without a tag are over. What a deleted
 * manifest kept has been without a tag for as long as that manifest.
 */
export async function expireManifests(
  tx: Db,
  expiry: Omit<Expiry, "seen"> &
    UntaggedQuery & { readonly repositoryId: number; readonly manifestIds: readonly number[] },
): Promise<"changed" | { readonly deleted: readonly Digest[] }> {
  const { repository, repositoryId, policy, nowMs, dueAtMs, dueBeforeMs, actor } = expiry;
  const home = await lockRepository(tx, repository, "change");
  if (home?.id !== repositoryId) return "changed";
  await lockQuotas(tx, [repositoryId]);
  if (!(await isStillPolicy(tx, repository, policy))) return "changed";
  const candidates = tx
    .selectFrom("manifests")
    .innerJoin("manifest_reviews", "manifest_reviews.manifest_id", "manifests.id")
    .select(["manifests.id as id", "manifests.digest as digest"])
    .select(["manifests.subject_digest as subject", "manifest_reviews.due_at as dueAtMs"])
    .where(dialectOf(tx).isOneOf("manifests.id", expiry.manifestIds))
    .where("manifests.repository_id", "=", repositoryId)
    .where("manifests.leased_until", "<=", nowMs)
    .where("manifest_reviews.due_at", "<=", dueBeforeMs)
    .orderBy("manifests.id");
  const found = await locked(tx, candidates, { mode: "remove", table: "manifests" }).execute();
  const deleted: Digest[] = [];
  for (const manifest of found) {
    const removed = { ...manifest, repositoryId };
    if (await isKept(tx, removed)) continue;
    await releaseManifestQuota(tx, removed);
    await addCandidatesOf(tx, removed, dueAtMs, manifest.dueAtMs);
    await tx.deleteFrom("manifests").where("id", "=", manifest.id).execute();
    deleted.push(manifest.digest);
  }
  if (deleted.length === 0) return { deleted };
  await touchRepository(tx, repositoryId, nowMs);
  const [account, action, data] = [
    namespaceOf(repository),
    "repo.manifest.delete",
    { reason: "retention" },
  ] as const;
  await writeAudit(
    tx,
    ...deleted.map((digest) => {
      return { nowMs, actor, account, action, data, subject: `${repository}@${digest}` };
    }),
  );
  return { deleted };
}
