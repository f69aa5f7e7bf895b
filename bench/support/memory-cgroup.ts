import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";

/** A control group with a memory limit. The page cache counts too; the kernel reclaims it under pressure. */
export interface MemoryCgroup {
  readonly version: 1 | 2;
  readonly processList: string;
  /** The number of processes that the kernel has killed because of the limit. */
  readonly oomKills: () => number;
  /** The peak memory, including the page cache. */
  readonly peakBytes: () => number;
  /** Removes the group. Its processes must have exited. */
  readonly remove: () => Promise<void>;
}

/** Needs root, and permission to create a group at the root of the hierarchy. */
export function createMemoryCgroup(limitBytes: number): MemoryCgroup {
  const version1 = "/sys/fs/cgroup/memory";
  const version = existsSync(path.join(version1, "memory.limit_in_bytes")) ? 1 : 2;
  const folder = path.join(
    version === 1 ? version1 : "/sys/fs/cgroup",
    `berth-bench-${process.pid}`,
  );
  const file = (name: string): string => path.join(folder, name);
  const read = (name: string): string => readFileSync(file(name), "utf8");

  mkdirSync(folder);
  if (version === 1) {
    writeFileSync(file("memory.limit_in_bytes"), String(limitBytes));
  } else {
    writeFileSync(file("memory.max"), String(limitBytes));
    writeFileSync(file("memory.swap.max"), "0");
  }
  return {
    version,
    processList: file("cgroup.procs"),
    oomKills: () => {
      const counters = read(version === 1 ? "memory.oom_control" : "memory.events");
      return Number(/^oom_kill (\d+)$/m.exec(counters)?.[1]);
    },
    peakBytes: () => Number(read(version === 1 ? "memory.max_usage_in_bytes" : "memory.peak")),
    remove: async () => {
      for (let attempt = 0; attempt < 50 && read("cgroup.procs") !== ""; attempt += 1)
        await pause(100);
      rmdirSync(folder);
    },
  };
}
