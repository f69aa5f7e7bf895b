import type { Db } from "../schema.ts";

/** The id of the blob store that belongs to these rows, and whether the last server process stopped cleanly. */
interface Instance {
  readonly id: string;
  readonly cleanStop: boolean;
  /** Every blob with an older row was completely in the store at this time. */
  readonly checkpointedAtMs: number;
}

export function createInstanceReads(db: Db) {
  return {
    async get(): Promise<Instance | undefined> {
      const row = await db
        .selectFrom("instance")
        .select(["id", "clean_stop", "checkpointed_at"])
        .executeTakeFirst();
      if (row === undefined) return undefined;
      return {
        id: row.id,
        cleanStop: row.clean_stop === 1,
        checkpointedAtMs: row.checkpointed_at,
      };
    },
  };
}

export async function claimInstance(tx: Db, { id }: { readonly id: string }): Promise<void> {
  await tx
    .insertInto("instance")
    .values({ only_row: 1, id, clean_stop: 1, checkpointed_at: 0 })
    .execute();
}

/** The rows were copied to another database: the id is that of no store, so that no server starts on this one. */
export async function renameInstance(tx: Db, { id }: { readonly id: string }): Promise<void> {
  await tx.updateTable("instance").set({ id }).execute();
}

/** A process starts to serve. Until `checkpoint` says otherwise, its end counts as a crash. */
export async function beginServing(tx: Db): Promise<void> {
  await tx.updateTable("instance").set({ clean_stop: 0 }).execute();
}

export async function checkpoint(
  tx: Db,
  { checkpointedAtMs, cleanStop }: Pick<Instance, "checkpointedAtMs" | "cleanStop">,
): Promise<void> {
  await tx
    .updateTable("instance")
    .set({ checkpointed_at: checkpointedAtMs, clean_stop: cleanStop ? 1 : 0 })
    .execute();
}
