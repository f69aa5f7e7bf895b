import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import type { Database } from "../../database/contract.ts";
import type { MirrorProcess } from "../../database/mirror/fetches.ts";

/** The processes with mirrors on one database. Each writes a heartbeat every 30 s. */
export interface MirrorProcesses {
  /**
   * All processes of the database run on this host and see each other's process ids. False for replicas: two containers
   * may have the same host name and the same process ids.
   */
  readonly areOnOneHost: boolean;
  /** Whether no other live process is registered, so that no other process can run the same fetch. */
  isOnlyProcess(): Promise<boolean>;
  /** Whether a process has certainly ended. `false`: only missing heartbeats can tell. */
  hasEnded(processId: string): boolean;
  unregister(): Promise<void>;
}

const seenEveryMs = 30_000;
/** A process without a heartbeat for 2 minutes counts as dead. */
const deadAfterMs = 4 * seenEveryMs;

/** Registers this process, and deletes the rows of processes that have ended. */
export async function registerMirrorProcess(parts: {
  readonly database: Pick<Database, "mirrorProcesses" | "commands">;
  readonly processId: string;
  /** As in {@link MirrorProcesses}. */
  readonly areOnOneHost: boolean;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}): Promise<MirrorProcesses> {
  const { database, processId, areOnOneHost, clock, report } = parts;
  const hasEnded = (other: string): boolean => areOnOneHost && hasEndedHere(other, processId);
  const isGone = (other: MirrorProcess): boolean =>
    hasEnded(other.owner) || other.seenAtMs < clock() - deadAfterMs;
  const appear = (): Promise<void> =>
    database.commands.seeMirrorProcess({ owner: processId, nowMs: clock() });
  const forget = (processIds: readonly string[]): Promise<void> =>
    processIds.length === 0
      ? Promise.resolve()
      : database.commands.forgetMirrorProcesses({ owners: processIds });

  await appear();
  const others = await database.mirrorProcesses.othersThan(processId);
  await forget(others.filter(isGone).map((other) => other.owner));
  const timer = setInterval(() => void appear().catch(report), seenEveryMs).unref();

  return {
    isOnlyProcess: async () => (await database.mirrorProcesses.othersThan(processId)).every(isGone),
    hasEnded,
    areOnOneHost,
    async unregister() {
      clearInterval(timer);
      await forget([processId]);
    },
  };
}

/** The ids of this operating system process, which may run several servers. */
const processIds = new Set<string>();

/**
 * Whether a process has certainly ended: it ran on this host and its pid does not exist, or its pid is now the pid of
 * this process (in a container, Berth usually has pid 1). `false` for other hosts, whose processes it cannot see.
 */
function hasEndedHere(processId: string, ours: string): boolean {
  const [host, pid = ""] = processId.split("/");
  if (processId === ours || host !== hostname()) return false;
  if (Number(pid) === process.pid) return !processIds.has(processId);
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Creates a unique id for one server in this process: `host/pid/random`. */
export function createProcessId(): { readonly processId: string; readonly release: () => void } {
  const processId = `${hostname()}/${process.pid}/${randomBytes(8).toString("hex")}`;
  processIds.add(processId);
  return { processId, release: () => void processIds.delete(processId) };
}
