import type { Db } from "../schema.ts";

/** Whether the upstream of a mirror works, according to the process that asked last. */
export interface MirrorState {
  readonly namespace: string;
  /** The error in one line; `null`: the upstream works. */
  readonly reason: string | null;
  readonly changedAtMs: number;
}

export function createMirrorStateReads(db: Db) {
  return {
    /** `undefined`: it has not failed yet. */
    find: (namespace: string): Promise<MirrorState | undefined> =>
      db
        .selectFrom("mirror_states")
        .select(["namespace", "reason", "changed_at as changedAtMs"])
        .where("namespace", "=", namespace)
        .executeTakeFirst(),
  };
}

async function setMirrorState(
  tx: Db,
  { namespace, reason, changedAtMs }: MirrorState,
): Promise<void> {
  const state = { reason, changed_at: changedAtMs };
  await tx
    .insertInto("mirror_states")
    .values({ namespace, ...state })
    .onConflict((conflict) => conflict.column("namespace").doUpdateSet(state))
    .execute();
}

export const mirrorStateCommands = { setMirrorState };
