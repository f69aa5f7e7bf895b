import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** sysconf(_SC_CLK_TCK). It is 100 on every Linux that Node supports. */
const ticksPerSecond = 100;
/** The process id of kthreadd, the parent of all kernel threads. */
const kernelThreads = 2;

interface Stat {
  readonly parent: number;
  readonly cpuSeconds: number;
  /** The CPU time of children that have exited. */
  readonly childrenCpuSeconds: number;
}

/**
 * Parses /proc/PID/stat, or /proc/PID/task/TID/stat for one thread (proc(5)). The name in brackets may contain spaces,
 * so the fields are counted after it.
 */
function statOf(path: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${path}/stat`, "utf8");
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return {
      parent: fields[1] ?? 0,
      cpuSeconds: (user + system) / ticksPerSecond,
      childrenCpuSeconds: (childUser + childSystem) / ticksPerSecond,
    };
  } catch {
    return undefined;
  }
}

/** A process and its descendants. */
export function treeOf(root: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat) parents.set(Number(name), stat.parent);
  }
  const tree = [root];
  for (const pid of tree)
    for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/** The sum of a line of /proc/PID/status, in bytes, over a process and its descendants. */
export function memoryOf(root: number, line: "VmRSS" | "VmHWM"): number {
  let bytes = 0;
  for (const pid of treeOf(root)) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    bytes += Number(new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
  }
  return bytes;
}

/** The CPU time of a process, its descendants, and its children that have exited. */
export function cpuSecondsOf(root: number): number {
  const exited = statOf(root)?.childrenCpuSeconds ?? 0;
  return treeOf(root).reduce((sum, pid) => sum + (statOf(pid)?.cpuSeconds ?? 0), exited);
}

/** The process id of the parent; `undefined` if there is no such process here. */
export const parentOf = (pid: number): number | undefined => statOf(pid)?.parent;

/** The CPU time of each living thread of a process, by thread id. */
export function threadCpuSecondsOf(pid: number): ReadonlyMap<number, number> {
  const ids = readdirSync(`/proc/${pid}/task`).map(Number);
  return new Map(ids.map((id) => [id, statOf(`${pid}/task/${id}`)?.cpuSeconds ?? 0]));
}

/** The CPU time of this process and of its exited children, which are the clients. */
export function clientCpuSeconds(): number {
  const stat = statOf(process.pid);
  return (stat?.cpuSeconds ?? 0) + (stat?.childrenCpuSeconds ?? 0);
}

/**
 * The CPU time of all processes of this machine, plus the time stolen by its host. Interrupts and kernel threads are
 * not included, because they do the work of the server and the clients.
 */
export function machineCpuSeconds(): number {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "";
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + steal) / ticksPerSecond - cpuSecondsOf(kernelThreads);
}
