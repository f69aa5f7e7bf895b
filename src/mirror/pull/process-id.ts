import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";

/** Several registries may live in one process. */
const processIds = new Set<string>();

/**
 * Whether an owner is known to have ended: it was a process of this machine that is no longer there, or had the number
 * of this one (in a container every process is the first). `false` where that can't be known.
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

/** Names a registry in one process of one machine, once: `host/pid/random`. */
export function createProcessId(): { readonly processId: string; readonly release: () => void } {
  const processId = `${hostname()}/${process.pid}/${randomBytes(8).toString("hex")}`;
  processIds.add(processId);
  return { processId, release: () => void processIds.delete(processId) };
}
