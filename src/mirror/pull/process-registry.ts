import type { Database } from "../../database/database.ts";
import type { MirrorProcess } from "../../database/mirror/processes.ts";
import { hasEnded } from "./process-id.ts";

/** The processes that fill mirrors on one database: which others there are besides this one. */
export interface ProcessRegistry {
  /** Nobody else can be fetching what this process is about to fetch. */
  isOnlyProcess(): Promise<boolean>;
  unregister(): Promise<void>;
}

const seenEveryMs = 30_000;
/** One of another machine that was not seen for so long is taken for dead. */
const deadAfterMs = 4 * seenEveryMs;

/** Makes this process known to the others, and forgets those that have ended. */
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
