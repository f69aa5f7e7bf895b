import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { threadCpuSecondsOf, treeOf } from "./processes.ts";

/** CPU time by the name of a thread. Threads with one name are summed, also those of several processes. */
export type CpuByThread = Readonly<Record<string, number>>;

/** The name of threads that run no code of Berth: V8's garbage collection and compiler, and Node's signal handler. */
const otherThreads = "V8 (GC, compiler)";

/**
 * Returns the CPU seconds of Berth's threads since their start.
 * @param folder the folder with the names of the threads, which berth-probe.mjs writes
 */
function cpuSecondsByThread(folder: string, root: number): CpuByThread {
  const seconds: Record<string, number> = {};
  for (const pid of treeOf(root))
    for (const [id, spent] of threadCpuSecondsOf(pid)) {
      const file = path.join(folder, `thread-${pid}-${id}`);
      const name = existsSync(file) ? readFileSync(file, "utf8") : otherThreads;
      seconds[name] = (seconds[name] ?? 0) + spent;
    }
  return seconds;
}

/** Starts to count. The returned function gives the CPU milliseconds since then, divided by a number of images. */
export function countCpu(folder: string, root: number): (images: number) => CpuByThread {
  const before = cpuSecondsByThread(folder, root);
  return (images) =>
    Object.fromEntries(
      Object.entries(cpuSecondsByThread(folder, root)).map(([name, seconds]) => [
        name,
        (1000 * (seconds - (before[name] ?? 0))) / images,
      ]),
    );
}
