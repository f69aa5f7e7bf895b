import type { Database } from "../../database/database.ts";
import type { MirrorProcess } from "../../database/mirror/processes.ts";
import { hasEnded } from "./process-id.ts";

/** The processes that fill mirrors on one database: which others there are besides this one. */
export interface Company {
  /** Nobody else can be fetching what this process is about to fetch. */
  isAlone(): Promise<boolean>;
  leave(): Promise<void>;
}

const seenEveryMs = 30_000;
/** One of another machine that was not seen for so long is taken for dead. */
const deadAfterMs = 4 * seenEveryMs;

/** Makes this process known to the others, and forgets those that have ended. */
export async function joinCompany(parts: {
  readonly database: Pick<Database, "mirrorProcesses" | "run">;
  readonly owner: string;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): Promise<Company> {
  const { database, owner, clock, report } = parts;
  const isGone = (other: MirrorProcess): boolean =>
    hasEnded(other.owner, owner) || other.seenAtMs < clock() - deadAfterMs;
  const appear = (): Promise<void> => database.run("seeMirrorProcess", { owner, nowMs: clock() });
  const forget = (owners: readonly string[]): Promise<void> =>
    owners.length === 0 ? Promise.resolve() : database.run("forgetMirrorProcesses", { owners });

  await appear();
  const others = await database.mirrorProcesses.othersThan(owner);
  await forget(others.filter(isGone).map((other) => other.owner));
  const timer = setInterval(() => void appear().catch(report), seenEveryMs).unref();

  return {
    isAlone: async () => (await database.mirrorProcesses.othersThan(owner)).every(isGone),
    async leave() {
      clearInterval(timer);
      await forget([owner]);
    },
  };
}
