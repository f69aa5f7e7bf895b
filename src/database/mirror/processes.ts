import type { Db } from "../schema.ts";

/** A process that downloads into mirrors. */
export interface MirrorProcess {
  readonly owner: string;
  readonly seenAtMs: number;
}

export function createMirrorProcessReads(db: Db) {
  return {
    othersThan: (owner: string): Promise<readonly MirrorProcess[]> =>
      db
        .selectFrom("mirror_processes")
        .select(["owner", "seen_at as seenAtMs"])
        .where("owner", "<>", owner)
        .execute(),
  };
}

/** Records the heartbeat of a process. */
async function seeMirrorProcess(
  tx: Db,
  { owner, nowMs }: { readonly owner: string; readonly nowMs: number },
): Promise<void> {
  await tx
    .insertInto("mirror_processes")
    .values({ owner, seen_at: nowMs })
    .onConflict((conflict) => conflict.column("owner").doUpdateSet({ seen_at: nowMs }))
    .execute();
}

/** Deletes the rows of processes that are gone. */
async function forgetMirrorProcesses(
  tx: Db,
  { owners }: { readonly owners: readonly string[] },
): Promise<void> {
  await tx.deleteFrom("mirror_processes").where("owner", "in", owners).execute();
}

export const mirrorProcessCommands = { seeMirrorProcess, forgetMirrorProcesses };
