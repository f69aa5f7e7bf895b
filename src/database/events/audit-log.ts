import { sql } from "kysely";
import type { Db } from "../schema.ts";
import { entryColumns, entryOf, type AuditEntry, type AuditQuery } from "./audit.ts";

/* The audit log of all accounts, as administrators read it. */

/** A position in the log: the row with this time and id, newest first. */
export interface AuditPosition {
  readonly atMs: number;
  readonly id: number;
}

/** What the entries must match. */
export type AuditLogQuery = Omit<AuditQuery, "skip" | "limit">;

export function createAuditLogReads(db: Db) {
  return {
    /**
     * The rows that match among the `window` newest rows before `before`, and the last of these rows; `undefined`: there are
     * no more rows. A filter that matches little would otherwise read the whole log at once.
     */
    async list(
      query: AuditLogQuery,
      { before, window }: { readonly before: AuditPosition | undefined; readonly window: number },
    ): Promise<{
      readonly entries: readonly AuditEntry[];
      readonly last: AuditPosition | undefined;
    }> {
      const { account, accountId, actor, action, subject, fromMs, toMs } = query;
      let rows = db.selectFrom("audit_log").select(entryColumns);
      // The keyset condition in this form uses the index by time.
      if (before !== undefined)
        rows = rows
          .where("at", "<=", before.atMs)
          .where(sql<boolean>`(at < ${before.atMs} OR id < ${before.id})`);
      if (account !== undefined) rows = rows.where("account", "=", account);
      if (accountId !== undefined) rows = rows.where("account_id", "=", accountId);
      if (fromMs !== undefined) rows = rows.where("at", ">=", fromMs);
      if (toMs !== undefined) rows = rows.where("at", "<", toMs);
      const read = rows.orderBy("at", "desc").orderBy("id", "desc").limit(window);
      const seen = await read.execute();
      const end = seen.length < window ? undefined : seen.at(-1);
      return {
        entries: seen
          .filter((row) => actor === undefined || row.actor === actor)
          .filter((row) => subject === undefined || row.subject === subject)
          .filter(
            (row) =>
              action === undefined || row.action === action || row.action.startsWith(`${action}.`),
          )
          .map(entryOf),
        last: end && { atMs: end.at, id: end.id },
      };
    },

    /** The number of pushed tags since then, counted up to `limit` rows. */
    async pushesSince(sinceMs: number, limit: number): Promise<number> {
      const pushes = db
        .selectFrom("audit_log")
        .select("id")
        .where("at", ">=", sinceMs)
        .where("action", "=", "repo.tag.push")
        .limit(limit)
        .as("pushes");
      const { count } = await db
        .selectFrom(pushes)
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}
