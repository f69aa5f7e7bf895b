import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import { systemActor } from "../../database/permissions/authority.ts";
import { OciError } from "../../oci/errors.ts";
import type { Uploads } from "./uploads.ts";

const expiredAtOnce = 1_000;

/**
 * Cancels at most 1,000 sessions that no client has used since `beforeMs`, except sessions with an active request.
 * Resolves with the number of cancelled sessions.
 */
export async function expireUploads(
  parts: { readonly database: Pick<Database, "uploads">; readonly uploads: Uploads },
  beforeMs: number,
): Promise<number> {
  const rows = await parts.database.uploads.idleSince(beforeMs, expiredAtOnce);
  let expired = 0;
  for (const { repository, id, account_id: accountId } of rows) {
    if (await parts.uploads.isHeld(id)) continue;
    const actor = { ...systemActor("berth"), accountId };
    await parts.uploads.cancel({ actor, repository, id }).catch(ignoreUnknown);
    expired += 1;
  }
  return expired;
}

/**
 * Deletes uploads in the store without a session row, which a crash between two steps leaves. Resolves with their
 * number.
 */
export async function deleteOrphanUploads(parts: {
  readonly store: BlobStore;
  readonly database: Pick<Database, "uploads">;
}): Promise<number> {
  // List the store first, then the rows: a session's row is written before its first byte.
  const stored: string[] = [];
  for await (const reference of parts.store.listUploads()) stored.push(reference);
  const known = await parts.database.uploads.storageReferences();
  const orphans = stored.filter((reference) => !known.has(reference));
  for (const reference of orphans) await parts.store.abort(reference);
  return orphans.length;
}

function ignoreUnknown(error: unknown): void {
  if (!(error instanceof OciError && error.code === "BLOB_UPLOAD_UNKNOWN")) throw error;
}
