import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { TagPatterns } from "../../oci/tag-patterns.ts";
import type { Registration } from "../catalog/pull-counters.ts";
import { writeAudit, type AuditContext, type AuditAction } from "../events/audit.ts";
import { systemActor } from "../permissions/authority.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import { recountQuota, type Quota } from "./quotas.ts";
import type { Visibility } from "./schema.ts";

export interface Repository {
  readonly id: number;
  readonly name: RepositoryName;
  readonly visibility: Visibility;
  /** Patterns of immutable tags; `null`: none. */
  readonly immutableTags: TagPatterns | null;
}

export function createRepositoryReads(db: Db) {
  return {
    find: (name: RepositoryName): Promise<Repository | undefined> => findRepository(db, name),

    /** Creation times of the existing repositories. They distinguish a repository from an earlier one with its name. */
    registrations: (names: readonly RepositoryName[]): Promise<readonly Registration[]> =>
      db
        .selectFrom("repositories")
        .select(["name", "created_at as createdAtMs"])
        .where(dialectOf(db).isOneOf("name", names))
        .execute(),
  };
}

/** A subquery for the id of a repository; it has no row if there is no such repository. */
export const repositoryIdOf = (db: Db, name: RepositoryName) =>
  db.selectFrom("repositories").select("id").where("name", "=", name);

export function createRemovalReads(db: Db) {
  return {
    /** The highest removal number of all repositories; 0 if there was no removal. */
    async highest(): Promise<number> {
      const row = await db
        .selectFrom("repository_removals")
        .select(({ fn }) => fn.max("sequence").as("highest"))
        .executeTakeFirst();
      return row?.highest ?? 0;
    },
  };
}

/** A repository, with the quota of its namespace if there is one. */
export async function findRepository(
  db: Db,
  name: RepositoryName,
): Promise<(Repository & { readonly quota: Quota | undefined }) | undefined> {
  const row = await db
    .selectFrom("repositories")
    .leftJoin("quotas", "quotas.namespace", "repositories.namespace")
    .select([
      "repositories.id as id",
      "repositories.name as name",
      "repositories.visibility as visibility",
      "repositories.immutable_tags as immutableTags",
      "quotas.limit_bytes as limitBytes",
      "quotas.used_bytes as usedBytes",
    ])
    .where("repositories.name", "=", name)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { limitBytes, usedBytes, immutableTags, ...repository } = row;
  return {
    ...repository,
    immutableTags: immutableTags === null ? null : (JSON.parse(immutableTags) as TagPatterns),
    quota: usedBytes === null ? undefined : { limitBytes, usedBytes },
  };
}

export async function touchRepository(tx: Db, id: number, nowMs: number): Promise<void> {
  await tx.updateTable("repositories").set({ updated_at: nowMs }).where("id", "=", id).execute();
}

interface Setting extends AuditContext {
  readonly repository: RepositoryName;
}

interface SetVisibility extends Setting {
  readonly visibility: Visibility;
}

/** False if there is no such repository. */
export async function setVisibility(tx: Db, set: SetVisibility): Promise<boolean> {
  const { visibility } = set;
  const event = { action: "repo.change_privacy", data: { visibility } } as const;
  return changeSetting(tx, set, { visibility }, event);
}

interface SetImmutableTags extends Setting {
  /** `null`: no tag is immutable; an empty list: all are. */
  readonly patterns: TagPatterns | null;
}

/** Applies to existing and new tags. False if there is no such repository. */
export async function setImmutableTags(tx: Db, set: SetImmutableTags): Promise<boolean> {
  const immutable_tags = set.patterns === null ? null : JSON.stringify(set.patterns);
  const data = { patterns: immutable_tags ?? "none" };
  return changeSetting(
    tx,
    set,
    { immutable_tags },
    { action: "repo.immutable.tags.updated", data },
  );
}

async function changeSetting(
  tx: Db,
  { repository, nowMs, actor }: Setting,
  columns: { readonly visibility: Visibility } | { readonly immutable_tags: string | null },
  event: { readonly action: AuditAction; readonly data: Record<string, string> },
): Promise<boolean> {
  const changed = await tx
    .updateTable("repositories")
    .set(columns)
    .where("name", "=", repository)
    .executeTakeFirst();
  if (changed.numUpdatedRows === 0n) return false;
  const account = namespaceOf(repository);
  await writeAudit(tx, { nowMs, actor, account, subject: repository, ...event });
  return true;
}

interface DeleteRepository extends AuditContext {
  readonly repository: RepositoryName;
}

/** An upload whose row was deleted; its bytes are still in the store. */
export interface EndedUpload {
  readonly id: string;
  readonly storageReference: string;
}

/**
 * Deletes a repository with all its rows and its open uploads, in one transaction; `undefined` if it does not exist.
 * Blobs that no other repository links are marked deleting. The removal gets a number, so that grants for this
 * repository are void for a later one with its name.
 */
export async function deleteRepository(
  tx: Db,
  { repository, nowMs, actor }: DeleteRepository,
): Promise<{ readonly uploads: readonly EndedUpload[] } | undefined> {
  const home = await findRepository(tx, repository);
  if (home === undefined) return undefined;
  const here = home.id;
  await tx.deleteFrom("tags").where("repository_id", "=", here).execute();
  await tx.deleteFrom("tag_history").where("repository_id", "=", here).execute();
  await tx.deleteFrom("manifests").where("repository_id", "=", here).execute();
  await sql`
    UPDATE blobs SET state = 'deleting', retired_at = ${nowMs}
    WHERE id IN (SELECT blob_id FROM blob_links WHERE repository_id = ${here})
      AND NOT EXISTS (
        SELECT 1 FROM blob_links WHERE blob_links.blob_id = blobs.id AND blob_links.repository_id <> ${here})`.execute(
    tx,
  );
  await tx.deleteFrom("blob_links").where("repository_id", "=", here).execute();
  const uploads = await tx
    .deleteFrom("uploads")
    .where("repository", "=", repository)
    .returning(["id", "storage_reference as storageReference"])
    .execute();
  await removeRow(tx, { id: here, name: repository }, { nowMs, actor });
  await recountQuota(tx, { namespace: namespaceOf(repository) });
  return { uploads };
}

/** Deletes the row of an empty repository, and adds its removal number and its audit row. */
async function removeRow(
  tx: Db,
  { id, name }: { readonly id: number; readonly name: RepositoryName },
  { nowMs, actor }: AuditContext,
): Promise<void> {
  await tx.deleteFrom("repositories").where("id", "=", id).execute();
  await sql`
    INSERT INTO repository_removals (name, sequence)
    SELECT ${name}, coalesce(max(sequence), 0) + 1 FROM repository_removals WHERE true
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence`.execute(tx);
  const account = namespaceOf(name);
  await writeAudit(tx, { nowMs, actor, account, action: "repo.delete", subject: name });
}

interface ReviewRepositories {
  readonly nowMs: number;
  readonly createdBeforeMs: number;
  /** Checks repositories with higher ids. */
  readonly afterId: number;
  /** Maximum number of repositories in this transaction. */
  readonly limit: number;
}

interface RepositoryReview {
  /** Id of the last checked repository; `undefined`: there are no more. */
  readonly lastId: number | undefined;
  readonly removed: readonly RepositoryName[];
}

/**
 * Deletes repositories that a push created and that got no manifest, once their blobs and uploads are gone. So a
 * rejected or abandoned push leaves only two audit rows.
 */
export async function collectRepositories(
  tx: Db,
  { nowMs, createdBeforeMs, afterId, limit }: ReviewRepositories,
): Promise<RepositoryReview> {
  // The subquery needs the index of these repositories alone, so that the database does not scan all of them by id.
  const { rows: checked } = await sql<{ id: number; name: RepositoryName; isEmpty: 0 | 1 }>`
    SELECT repositories.id AS id, repositories.name AS name,
      CASE WHEN EXISTS (SELECT 1 FROM blob_links WHERE repository_id = repositories.id)
        OR EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id)
        OR EXISTS (SELECT 1 FROM uploads WHERE repository = repositories.name) THEN 0 ELSE 1 END AS "isEmpty"
    FROM (
      SELECT id FROM repositories
      WHERE awaits_manifest = 1 AND id > ${afterId} AND created_at <= ${createdBeforeMs}
      ORDER BY id LIMIT ${limit}
    ) AS waiting
    JOIN repositories ON repositories.id = waiting.id
    ORDER BY waiting.id`.execute(tx);
  const removed = checked.filter(({ isEmpty }) => isEmpty === 1);
  const actor = systemActor("berth");
  for (const repository of removed) await removeRow(tx, repository, { nowMs, actor });
  return { lastId: checked.at(-1)?.id, removed: removed.map(({ name }) => name) };
}
