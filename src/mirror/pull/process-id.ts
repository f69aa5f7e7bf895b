import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";

/** The ids of this operating system process, which may run several registries. */
const processIds = new Set<string>();

/**
 * Whether a process has certainly ended: it ran on this host and its pid does not exist, or its pid is now the pid of
 * this process (in a container, Berth usually has pid 1). `false` for other hosts, whose processes it cannot see.
 */
export function hasEnded(processId: string, ours: string): boolean {
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

/** Creates a unique id for one registry in this process: `host/pid/random`. */
export function createProcessId(): { readonly processId: string; readonly release: () => void } {
  const processId = `${hostname()}/${process.pid}/${randomBytes(8).toString("hex")}`;
  processIds.add(processId);
  return { processId, release: () => void processIds.delete(processId) };
}
