import { sql } from "kysely";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import { entryColumns, entryOf, type AuditEntry } from "./audit.ts";

/* How far the audit log is forwarded to the receiver of `audit.forward`, and the deletion of old entries. */

export function createAuditForwardingReads(db: Db) {
  return {
    /** The first entries after this id, the oldest first. */
    async after(id: number, limit: number): Promise<readonly AuditEntry[]> {
      const rows = await db
        .selectFrom("audit_log")
        .select(entryColumns)
        .where("id", ">", id)
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(entryOf);
    },

    /** The time of the oldest entry that the receiver does not have yet; `undefined`: it has all. */
    async oldestWaitingAtMs(): Promise<number | undefined> {
      const entry = await db
        .selectFrom("audit_log")
        .select("at")
        .where(sql<boolean>`id > (SELECT last_id FROM audit_forwarding)`)
        .orderBy("id")
        .limit(1)
        .executeTakeFirst();
      return entry?.at;
    },

    /** The id of the newest entry; 0: there is none. */
    newestId: (): Promise<number> => newestId(db),
  };
}

async function newestId(db: Db): Promise<number> {
  const { rows } = await sql<{ readonly id: number }>`
    SELECT coalesce(max(id), 0) AS id FROM audit_log`.execute(db);
  return rows[0]?.id ?? 0;
}

/**
 * Begins with the entries after the newest one, unless forwarding has begun before. Resolves with the id of the last entry
 * that the receiver has.
 */
export async function beginAuditForwarding(tx: Db): Promise<number> {
  const begun = await tx
    .selectFrom("audit_forwarding")
    .select("last_id as lastId")
    .executeTakeFirst();
  if (begun !== undefined) return begun.lastId;
  const lastId = await newestId(tx);
  await tx
    .insertInto("audit_forwarding")
    .values({ only_row: 1, last_id: lastId })
    .onConflict((row) => row.column("only_row").doNothing())
    .execute();
  return lastId;
}

/** Records that the receiver has the entries up to this one. */
export async function recordAuditForwarding(
  tx: Db,
  { lastId }: { readonly lastId: number },
): Promise<void> {
  await tx
    .updateTable("audit_forwarding")
    .set({ last_id: lastId })
    .where("last_id", "<", lastId)
    .execute();
}

/**
 * Deletes the oldest entries of the log that are from before a time, at most `limit`. The newest entry stays: with SQLite
 * the next one has its id plus 1, and no id may be given twice.
 * @returns the number of deleted entries
 */
export async function pruneAudit(
  tx: Db,
  {
    beforeMs,
    isForwarded,
    limit,
  }: {
    readonly beforeMs: number;
    /** Entries that the receiver of `audit.forward` does not have yet stay. */
    readonly isForwarded: boolean;
    readonly limit: number;
  },
): Promise<number> {
  const old = await tx
    .selectFrom("audit_log")
    .select("id")
    .where("at", "<", beforeMs)
    .where(sql<boolean>`id < (SELECT max(id) FROM audit_log)`)
    .$if(isForwarded, (rows) =>
      rows.where(sql<boolean>`id <= (SELECT last_id FROM audit_forwarding)`),
    )
    .orderBy("at")
    .limit(limit)
    .execute();
  const ids = old.map(({ id }) => id);
  await tx.deleteFrom("audit_log").where(dialectOf(tx).isOneOf("id", ids)).execute();
  return ids.length;
}
