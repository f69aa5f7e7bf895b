import type { Database, UploadRow } from "./schema.ts";

export function createUploadReads(db: Database) {
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

/** Records a session; a second time it changes nothing. */
async function startUpload(tx: Database, upload: UploadRow): Promise<void> {
  await tx
    .insertInto("uploads")
    .values(upload)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

async function touchUpload(
  tx: Database,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx.updateTable("uploads").set({ touched_at: nowMs }).where("id", "=", id).execute();
}

/** Forgets a session. False if it was not there (any more). */
async function endUpload(tx: Database, { id }: { readonly id: string }): Promise<boolean> {
  const ended = await tx.deleteFrom("uploads").where("id", "=", id).executeTakeFirst();
  return ended.numDeletedRows > 0n;
}

export const uploadCommands = { startUpload, touchUpload, endUpload };
