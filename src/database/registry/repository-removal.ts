import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import { writeAudit, type Actor } from "../events/audit.ts";
import { systemActor } from "../permissions/authority.ts";
import { recountQuota } from "./quotas.ts";
import { findRepository } from "./repositories.ts";
import type { Db } from "../schema.ts";

export interface DeleteRepository {
  readonly repository: RepositoryName;
  readonly nowMs: number;
  readonly actor: Actor;
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
async function deleteRepository(
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
  { nowMs, actor }: Pick<DeleteRepository, "nowMs" | "actor">,
): Promise<void> {
  await tx.deleteFrom("repositories").where("id", "=", id).execute();
  await sql`
    INSERT INTO repository_removals (name, sequence)
    SELECT ${name}, coalesce(max(sequence), 0) + 1 FROM repository_removals WHERE true
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence`.execute(tx);
  await writeAudit(tx, {
    ...{ nowMs, actor, account: namespaceOf(name), action: "repo.delete", subject: name },
  });
}

export interface ReviewRepositories {
  readonly nowMs: number;
  readonly createdBeforeMs: number;
  /** Checks repositories with higher ids. */
  readonly afterId: number;
  /** Maximum number of repositories in this transaction. */
  readonly limit: number;
}

export interface RepositoryReview {
  /** Id of the last checked repository; `undefined`: there are no more. */
  readonly lastId: number | undefined;
  readonly removed: readonly RepositoryName[];
}

/**
 * Deletes repositories that a push created and that got no manifest, once their blobs and uploads are gone. So a
 * rejected or abandoned push leaves only two audit rows.
 */
async function reviewRepositories(
  tx: Db,
  { nowMs, createdBeforeMs, afterId, limit }: ReviewRepositories,
): Promise<RepositoryReview> {
  // Without the hint SQLite may scan all repositories by id.
  const { rows: checked } = await sql<{ id: number; name: RepositoryName; isEmpty: 0 | 1 }>`
    SELECT id, name,
      NOT EXISTS (SELECT 1 FROM blob_links WHERE repository_id = repositories.id)
        AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id)
        AND NOT EXISTS (SELECT 1 FROM uploads WHERE repository = repositories.name) AS isEmpty
    FROM repositories INDEXED BY repositories_awaiting_manifest
    WHERE awaits_manifest = 1 AND id > ${afterId} AND created_at <= ${createdBeforeMs}
    ORDER BY id LIMIT ${limit}`.execute(tx);
  const removed = checked.filter(({ isEmpty }) => isEmpty === 1);
  const actor = systemActor("berth");
  for (const repository of removed) await removeRow(tx, repository, { nowMs, actor });
  return { lastId: checked.at(-1)?.id, removed: removed.map(({ name }) => name) };
}

export const repositoryRemovalCommands = { deleteRepository, reviewRepositories };
