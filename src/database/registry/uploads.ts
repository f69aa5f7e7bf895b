import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import type { Db, UploadRow } from "../schema.ts";

export function createUploadReads(db: Db) {
  return {
    find: (id: string): Promise<UploadRow | undefined> =>
      db.selectFrom("uploads").selectAll().where("id", "=", id).executeTakeFirst(),

    /** Sessions without activity since `beforeMs`, the oldest first. */
    idleSince: (beforeMs: number, limit: number): Promise<readonly UploadRow[]> =>
      db
        .selectFrom("uploads")
        .selectAll()
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(limit)
        .execute(),

    /** Number of open sessions of an account (`null`: of clients without an account), counted up to `limit`. */
    async countOf(accountId: number | null, limit: number): Promise<number> {
      const { rows } = await sql<{ readonly count: number }>`
        SELECT count(*) AS count FROM (
          SELECT 1 FROM uploads WHERE account_id IS ${accountId} LIMIT ${limit})`.execute(db);
      return rows[0]?.count ?? 0;
    },

    /** The session of an account with the oldest activity, if that was before `beforeMs`. */
    oldestOf: (accountId: number | null, beforeMs: number): Promise<UploadRow | undefined> =>
      db
        .selectFrom("uploads")
        .selectAll()
        .where("account_id", "is", accountId)
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(1)
        .executeTakeFirst(),

    /** The storage references of all open sessions and mirror downloads. */
    async storageReferences(): Promise<ReadonlySet<string>> {
      const rows = await db
        .selectFrom("uploads")
        .select("storage_reference")
        .unionAll(db.selectFrom("mirror_fetches").select("storage_reference"))
        .execute();
      return new Set(rows.map((row) => row.storage_reference));
    },
  };
}

/** Reserved bytes of the open uploads of a namespace, except of the session `without`. */
export async function reservedBytes(db: Db, namespace: string, without?: string): Promise<number> {
  // "0" is the character after "/" in ASCII.
  const found = await db
    .selectFrom("uploads")
    .select(({ fn }) => fn.coalesce(fn.sum<number>("reserved_bytes"), sql<number>`0`).as("bytes"))
    .where("repository", ">=", `${namespace}/` as RepositoryName)
    .where("repository", "<", `${namespace}0` as RepositoryName)
    .$if(without !== undefined, (query) => query.where("id", "<>", without ?? ""))
    .executeTakeFirstOrThrow();
  return found.bytes;
}

/** Records a session; a second call with its id changes nothing. */
async function startUpload(tx: Db, upload: UploadRow): Promise<void> {
  await tx
    .insertInto("uploads")
    .values(upload)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

async function touchUpload(
  tx: Db,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx.updateTable("uploads").set({ touched_at: nowMs }).where("id", "=", id).execute();
}

/** Deletes a session's row. False if it does not exist. */
async function endUpload(tx: Db, { id }: { readonly id: string }): Promise<boolean> {
  const ended = await tx.deleteFrom("uploads").where("id", "=", id).executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

export const uploadCommands = { startUpload, touchUpload, endUpload };
