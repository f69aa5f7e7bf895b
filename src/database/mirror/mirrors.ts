import { sql } from "kysely";
import { recordEvents } from "../events/events.ts";
import { lockName, lockRows } from "../locks.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";

/* A mirror as a whole: its organisation, the state of its upstream, and its counters. */

/** Whether the upstream of a mirror works, according to the process that asked last. */
interface MirrorState {
  readonly namespace: string;
  /** The error in one line; `null`: the upstream works. */
  readonly reason: string | null;
  readonly changedAtMs: number;
}

export function createMirrorReads(db: Db) {
  return {
    /** State of the upstream; `undefined`: it has not failed yet. */
    state: (namespace: string): Promise<MirrorState | undefined> =>
      db
        .selectFrom("mirror_states")
        .select(["namespace", "reason", "changed_at as changedAtMs"])
        .where("namespace", "=", namespace)
        .executeTakeFirst(),

    /** Counter values by namespace and name. */
    async counters(): Promise<ReadonlyMap<string, Readonly<Record<string, number>>>> {
      const rows = await db
        .selectFrom("mirror_counters")
        .select(["namespace", "name", "value"])
        .execute();
      const sums = new Map<string, Record<string, number>>();
      for (const { namespace, name, value } of rows)
        sums.set(namespace, { ...sums.get(namespace), [name]: value });
      return sums;
    },
  };
}

interface AlignMirror {
  readonly namespace: string;
  readonly visibility: Visibility;
  /** The API has added the mirror: nothing is done if it has another visibility meanwhile, or was removed. */
  readonly isAdded?: boolean;
  readonly nowMs: number;
}

/**
 * Makes the namespace of a mirror an organisation, and sets the visibility of its repositories to that of the mirror.
 * The organisation reserves the name; its members may pull from a private mirror.
 */
export async function alignMirror(tx: Db, align: AlignMirror): Promise<void> {
  const { namespace, visibility, nowMs } = align;
  if (align.isAdded === true && !(await isAddedAs(tx, align))) return;
  await tx
    .insertInto("accounts")
    .values({ name: namespace, kind: "organisation", created_at: nowMs })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  const others = tx
    .selectFrom("repositories")
    .select("id")
    .where("namespace", "=", namespace)
    .where("visibility", "!=", visibility)
    .orderBy("id");
  await lockRows(tx, others, { mode: "change", table: "repositories" });
  await tx
    .updateTable("repositories")
    .set({ visibility })
    .where("namespace", "=", namespace)
    .where("visibility", "!=", visibility)
    .execute();
}

async function isAddedAs(
  tx: Db,
  { namespace, visibility }: Pick<AlignMirror, "namespace" | "visibility">,
): Promise<boolean> {
  await lockName(tx, `namespace ${namespace}`);
  const row = await tx
    .selectFrom("added_mirrors")
    .select("visibility")
    .where("namespace", "=", namespace)
    .executeTakeFirst();
  return row?.visibility === visibility;
}

/** Records the state, and an event if the upstream has begun to fail or works again. */
export async function setMirrorState(
  tx: Db,
  { namespace, reason, changedAtMs }: MirrorState,
): Promise<void> {
  const wasFailing = sql<boolean>`EXISTS (SELECT 1 FROM mirror_states
    WHERE namespace = ${namespace} AND reason IS NOT NULL)`;
  await recordEvents(
    tx,
    { actor: { name: "mirror", peer: "" }, nowMs: changedAtMs },
    reason === null
      ? { type: "mirror.working", namespace, onlyIf: wasFailing }
      : { type: "mirror.failing", namespace, data: { reason }, onlyIf: sql`NOT ${wasFailing}` },
  );
  const state = { reason, changed_at: changedAtMs };
  await tx
    .insertInto("mirror_states")
    .values({ namespace, ...state })
    .onConflict((conflict) => conflict.column("namespace").doUpdateSet(state))
    .execute();
}

/** Adds the counts of one process. */
export async function addMirrorCounters(
  tx: Db,
  add: { readonly namespace: string; readonly counts: Readonly<Record<string, number>> },
): Promise<void> {
  // Two commands that change the same rows do it in the same order.
  const inOrder = Object.entries(add.counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of inOrder) {
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
export async function setMirrorGauge(
  tx: Db,
  gauge: { readonly namespace: string; readonly name: string; readonly value: number },
): Promise<void> {
  await tx
    .insertInto("mirror_counters")
    .values(gauge)
    .onConflict((conflict) =>
      conflict.columns(["namespace", "name"]).doUpdateSet({ value: gauge.value }),
    )
    .execute();
}
