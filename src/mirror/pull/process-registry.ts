import type { Database } from "../../database/database.ts";
import type { MirrorProcess } from "../../database/mirror/fetches.ts";
import { hasEnded } from "./process-id.ts";

/** The processes with mirrors on one database. Each writes a heartbeat every 30 s. */
export interface ProcessRegistry {
  /** Whether no other live process is registered, so that no other process can run the same fetch. */
  isOnlyProcess(): Promise<boolean>;
  unregister(): Promise<void>;
}

const seenEveryMs = 30_000;
/** A process without a heartbeat for 2 minutes counts as dead. */
const deadAfterMs = 4 * seenEveryMs;

/** Registers this process, and deletes the rows of processes that have ended. */
export async function registerProcess(parts: {
  readonly database: Pick<Database, "mirrorProcesses" | "run">;
  readonly processId: string;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): Promise<ProcessRegistry> {
  const { database, processId, clock, report } = parts;
  const isGone = (other: MirrorProcess): boolean =>
    hasEnded(other.owner, processId) || other.seenAtMs < clock() - deadAfterMs;
  const appear = (): Promise<void> =>
    database.run("seeMirrorProcess", { owner: processId, nowMs: clock() });
  const forget = (processIds: readonly string[]): Promise<void> =>
    processIds.length === 0
      ? Promise.resolve()
      : database.run("forgetMirrorProcesses", { owners: processIds });

  await appear();
  const others = await database.mirrorProcesses.othersThan(processId);
  await forget(others.filter(isGone).map((other) => other.owner));
  const timer = setInterval(() => void appear().catch(report), seenEveryMs).unref();

  return {
    isOnlyProcess: async () => (await database.mirrorProcesses.othersThan(processId)).every(isGone),
    async unregister() {
      clearInterval(timer);
      await forget([processId]);
    },
  };
}
