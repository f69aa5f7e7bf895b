import type { Db } from "../schema.ts";

export function createRemovalReads(db: Db) {
  return {
    /** The highest removal number of all repositories; 0 if there was no removal. */
    async highest(): Promise<number> {
      const row = await db
        .selectFrom("repository_removals")
        .select(({ fn }) => fn.max("sequence").as("highest"))
        .executeTakeFirst();
      return row?.highest ?? 0;
    },
  };
}
