import { sql } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import type { Db, UploadRow } from "../schema.ts";

export function createUploadReads(db: Db) {
  return {
    find: (id: string): Promise<UploadRow | undefined> =>
      db.selectFrom("uploads").selectAll().where("id", "=", id).executeTakeFirst(),

    /** Sessions nobody has touched since. */
    idleSince: (beforeMs: number, limit: number): Promise<readonly UploadRow[]> =>
      db
        .selectFrom("uploads")
        .selectAll()
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(limit)
        .execute(),

    /** How many sessions of an account are open (`null`: of clients without an account), counted up to a limit. */
    async countOf(accountId: number | null, limit: number): Promise<number> {
      const { rows } = await sql<{ readonly count: number }>`
        SELECT count(*) AS count FROM (
          SELECT 1 FROM uploads WHERE account_id IS ${accountId} LIMIT ${limit})`.execute(db);
      return rows[0]?.count ?? 0;
    },

    /** The session of an account that has been left alone for longest, if it was touched before then. */
    oldestOf: (accountId: number | null, beforeMs: number): Promise<UploadRow | undefined> =>
      db
        .selectFrom("uploads")
        .selectAll()
        .where("account_id", "is", accountId)
        .where("touched_at", "<", beforeMs)
        .orderBy("touched_at")
        .limit(1)
        .executeTakeFirst(),

    /** What the store needs to find the bytes of each open session, and of what a mirror is bringing in. */
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

/** Bytes that the open uploads of a namespace may hold, without one of them. */
export async function reservedBytes(db: Db, namespace: string, without?: string): Promise<number> {
  // "0" is the character after "/".
  const found = await db
    .selectFrom("uploads")
    .select(({ fn }) => fn.coalesce(fn.sum<number>("reserved_bytes"), sql<number>`0`).as("bytes"))
    .where("repository", ">=", `${namespace}/` as RepositoryName)
    .where("repository", "<", `${namespace}0` as RepositoryName)
    .$if(without !== undefined, (query) => query.where("id", "<>", without ?? ""))
    .executeTakeFirstOrThrow();
  return found.bytes;
}

/** Records a session; a second time it changes nothing. */
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

/** Forgets a session. False if it was not there (any more). */
async function endUpload(tx: Db, { id }: { readonly id: string }): Promise<boolean> {
  const ended = await tx.deleteFrom("uploads").where("id", "=", id).executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

export const uploadCommands = { startUpload, touchUpload, endUpload };
