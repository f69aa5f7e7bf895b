import { sql } from "kysely";
import type { Db } from "../schema.ts";

export function createMirrorCounterReads(db: Db) {
  return {
    /** Counter values by namespace and name. */
    async list(): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
      const rows = await db.selectFrom("mirror_counters").selectAll().execute();
      const sums = new Map<string, Record<string, number>>();
      for (const { namespace, name, value } of rows)
        sums.set(namespace, { ...sums.get(namespace), [name]: value });
      return sums;
    },
  };
}

/** Adds the counts of one process. */
async function addMirrorCounters(
  tx: Db,
  add: { readonly namespace: string; readonly counts: Readonly<Record<string, number>> },
): Promise<void> {
  for (const [name, value] of Object.entries(add.counts)) {
    if (value === 0) continue;
    await tx
      .insertInto("mirror_counters")
      .values({ namespace: add.namespace, name, value })
      .onConflict((conflict) =>
        conflict
          .columns(["namespace", "name"])
          .doUpdateSet({ value: sql`mirror_counters.value + ${value}` }),
      )
      .execute();
  }
}

/** Sets a gauge; the last value wins. */
async function setMirrorGauge(
  tx: Db,
  {
    namespace,
    name,
    value,
  }: { readonly namespace: string; readonly name: string; readonly value: number },
): Promise<void> {
  await tx
    .insertInto("mirror_counters")
    .values({ namespace, name, value })
    .onConflict((conflict) => conflict.columns(["namespace", "name"]).doUpdateSet({ value }))
    .execute();
}

export const mirrorCounterCommands = { addMirrorCounters, setMirrorGauge };
