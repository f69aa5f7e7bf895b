import type { BlobStore } from "../../../storage/blob-store.ts";
import type { Database } from "../../database/contract.ts";
import type { RepositoryName } from "../../oci/name.ts";

/** An upload that a client has not closed. */
export interface OpenUpload {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly bytes: number;
  readonly startedAtMs: number;
  readonly touchedAtMs: number;
}

/** All open uploads, for administrators. */
export function createOpenUploads(parts: {
  readonly store: Pick<BlobStore, "uploadSize" | "abort">;
  readonly database: Pick<Database, "uploads" | "commands">;
}) {
  const { store, database } = parts;
  return {
    count: (): Promise<number> => database.uploads.count(),

    /** The longest idle first. */
    async list(page: {
      readonly limit: number;
      readonly offset: number;
    }): Promise<readonly OpenUpload[]> {
      const rows = await database.uploads.page(page);
      return Promise.all(
        rows.map(async (row) => ({
          id: row.id,
          repository: row.repository,
          bytes: await store.uploadSize(row.storage_reference),
          startedAtMs: row.started_at,
          touchedAtMs: row.touched_at,
        })),
      );
    },

    has: async (id: string): Promise<boolean> => (await database.uploads.find(id)) !== undefined,

    /** Ends an upload and deletes its bytes; its client gets BLOB_UPLOAD_UNKNOWN. False: there is no such upload. */
    async delete(id: string): Promise<boolean> {
      const row = await database.uploads.find(id);
      if (row === undefined) return false;
      // The bytes first: on a full disk the change of the row needs their space.
      await store.abort(row.storage_reference);
      await database.commands.endUpload({ id });
      return true;
    },
  };
}
