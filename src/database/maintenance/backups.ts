import { sql, type RawBuilder } from "kysely";
import { isDeleting } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import { jobDeadAfterMs } from "./jobs.ts";

/** Condition: no backup runs, which may copy blobs that were live when it began. */
export const noBackupRuns = (nowMs: number): RawBuilder<boolean> => sql`NOT EXISTS (
  SELECT 1 FROM jobs
  WHERE jobs.kind = 'backup' AND jobs.state = 'running' AND jobs.seen_at >= ${nowMs - jobDeadAfterMs})`;

/** What a backup reads, mostly from its copy of the database. */
export function createBackupReads(db: Db) {
  return {
    /** Whether a blob has this key that is not `deleting`. */
    async keepsBytes(storageKey: string): Promise<boolean> {
      const row = await db
        .selectFrom("blobs")
        .select("id")
        .where("storage_key", "=", storageKey)
        .where(sql<boolean>`NOT ${isDeleting}`)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Whether a repository links the blob that is not in one of these namespaces. */
    async isLinkedOutside(id: number, namespaces: readonly string[]): Promise<boolean> {
      const row = await db
        .selectFrom("blob_links")
        .innerJoin("repositories", "repositories.id", "blob_links.repository_id")
        .select("repositories.id")
        .where("blob_links.blob_id", "=", id)
        .$if(namespaces.length > 0, (links) =>
          links.where("repositories.namespace", "not in", namespaces),
        )
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },

    async countRepositories(): Promise<number> {
      const row = await db
        .selectFrom("repositories")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return row.count;
    },
  };
}
