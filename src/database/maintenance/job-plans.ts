import type { Db, JobKind } from "../schema.ts";

/* When a server runs its maintenance next. */

export function createJobPlanReads(db: Db) {
  return {
    /** When a server will run this kind of job next; `undefined`: no server has planned it. */
    async nextAtMs(kind: JobKind): Promise<number | undefined> {
      const row = await db
        .selectFrom("job_plans")
        .select("next_at")
        .where("kind", "=", kind)
        .executeTakeFirst();
      return row?.next_at;
    },
  };
}

/** Records when a server will run a kind of job next. */
export async function planJob(
  tx: Db,
  { kind, nextAtMs }: { readonly kind: JobKind; readonly nextAtMs: number },
): Promise<void> {
  await tx
    .insertInto("job_plans")
    .values({ kind, next_at: nextAtMs })
    .onConflict((conflict) => conflict.column("kind").doUpdateSet({ next_at: nextAtMs }))
    .execute();
}
