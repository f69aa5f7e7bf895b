import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { dialectOf } from "../dialect.ts";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { endWebhooks, recordEvents } from "../events/events.ts";
import { locked, lockName, lockRows } from "../locks.ts";
import { systemActor } from "../permissions/authority.ts";
import type { Db } from "../schema.ts";
import { recountQuota } from "./quotas.ts";
import { lockRepository } from "./repositories.ts";

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
  const home = await lockRepository(tx, repository, "remove");
  if (home === undefined) return undefined;
  const here = home.id;
  const linked = tx
    .selectFrom("blob_links")
    .innerJoin("blobs", "blobs.id", "blob_links.blob_id")
    .select("blobs.id")
    .where("repository_id", "=", here)
    .orderBy("blobs.id");
  await lockRows(tx, linked, { mode: "remove", table: "blobs" });
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
  const open = tx
    .selectFrom("uploads")
    .select("id")
    .where("repository", "=", repository)
    .orderBy("id");
  await lockRows(tx, open, { mode: "remove", table: "uploads" });
  const uploads = await tx
    .deleteFrom("uploads")
    .where("repository", "=", repository)
    .returning(["id", "storage_reference as storageReference"])
    .execute();
  await recountQuota(tx, { namespace: namespaceOf(repository) });
  await removeRows(tx, [{ id: here, name: repository }], { nowMs, actor });
  return { uploads };
}

interface Removed {
  readonly id: number;
  readonly name: RepositoryName;
}

/**
 * Deletes the rows of empty repositories, in the order of their names, ends their webhooks, and adds removal numbers, events
 * and audit rows.
 */
async function removeRows(
  tx: Db,
  removed: readonly Removed[],
  { nowMs, actor }: AuditContext,
): Promise<void> {
  for (const { id, name } of removed) {
    await recordEvents(tx, { actor, nowMs }, { type: "repository.deleted", repository: name });
    await endWebhooks(tx, name, nowMs);
    await tx.deleteFrom("repositories").where("id", "=", id).execute();
  }
  // The numbers are visible in their order: a token with a number knows all removals up to it.
  await lockName(tx, "removal number");
  for (const { name } of removed) {
    await sql`
      INSERT INTO repository_removals (name, sequence)
      SELECT ${name}, coalesce(max(sequence), 0) + 1 FROM repository_removals WHERE true
      ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence`.execute(tx);
    const account = namespaceOf(name);
    await writeAudit(tx, { nowMs, actor, account, action: "repo.delete", subject: name });
  }
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
  const waiting = tx
    .selectFrom("repositories")
    .select(["id", "name"])
    .where(sql<boolean>`awaits_manifest = 1`)
    .where("id", ">", afterId)
    .where("created_at", "<=", createdBeforeMs)
    .orderBy("id")
    .limit(limit);
  const lock = { mode: "remove", table: "repositories", skipLocked: true } as const;
  const checked = await locked(tx, waiting, lock).execute();
  const empty = await findEmpty(tx, checked);
  await removeRows(tx, empty, { nowMs, actor: systemActor("berth") });
  return { lastId: checked.at(-1)?.id, removed: empty.map(({ name }) => name) };
}

/** The repositories that have nothing, in the order of their names. */
async function findEmpty(tx: Db, repositories: readonly Removed[]): Promise<readonly Removed[]> {
  if (repositories.length === 0) return [];
  const ids = repositories.map(({ id }) => id);
  const { rows } = await sql<Removed>`
    SELECT id, name FROM repositories
    WHERE ${dialectOf(tx).isOneOf("id", ids)}
      AND NOT EXISTS (SELECT 1 FROM blob_links WHERE repository_id = repositories.id)
      AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id)
      AND NOT EXISTS (SELECT 1 FROM uploads WHERE repository = repositories.name)
    ORDER BY name`.execute(tx);
  return rows;
}
