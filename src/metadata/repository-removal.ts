import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../oci/name.ts";
import { writeAudit, type Actor } from "./audit.ts";
import { recountQuota } from "./quotas.ts";
import { findRepository } from "./repositories.ts";
import type { Database } from "./schema.ts";

export interface DeleteRepository {
  readonly repository: RepositoryName;
  readonly nowMs: number;
  readonly actor: Actor;
}

/** A session without a row; its bytes are still in the store. */
export interface EndedUpload {
  readonly id: string;
  readonly storageReference: string;
}

/**
 * Removes a repository, everything that is known of it and the uploads into it, at once; `undefined` if there is none. Blobs that no other
 * repository shows are on their way out, as after the delete of each of them. The removal gets a number, so that what
 * was granted for this repository does not open a later one of its name.
 */
async function deleteRepository(
  tx: Database,
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
  await tx.deleteFrom("repositories").where("id", "=", here).execute();
  const account = namespaceOf(repository);
  await recountQuota(tx, { namespace: account });
  await sql`
    INSERT INTO repository_removals (name, sequence)
    SELECT ${repository}, coalesce(max(sequence), 0) + 1 FROM repository_removals WHERE true
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence`.execute(tx);
  await writeAudit(tx, { nowMs, actor, account, action: "repo.delete", subject: repository });
  return { uploads };
}

export const repositoryRemovalCommands = { deleteRepository };
