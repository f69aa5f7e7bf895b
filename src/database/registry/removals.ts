import type { Db } from "../schema.ts";

export function createRemovalReads(db: Db) {
  return {
    /** Number of the newest removal of a repository; 0 if there was none. */
    async highest(): Promise<number> {
      const row = await db
        .selectFrom("repository_removals")
        .select(({ fn }) => fn.max("sequence").as("highest"))
        .executeTakeFirst();
      return row?.highest ?? 0;
    },
  };
}
