import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** The kernel gives a group its share once in this time, so a request waits for at most as long. */
const periodUs = 10_000;

/** A control group whose processes together use at most this much of one core. */
export interface CpuCgroup {
  readonly add: (pid: number) => void;
  /** Removes the group. Its processes must have exited. */
  readonly remove: () => void;
}

/** Needs root, and permission to create a group at the root of the hierarchy. */
export function createCpuCgroup(name: string, cores: number): CpuCgroup {
  const version1 = "/sys/fs/cgroup/cpu";
  const isVersion1 = existsSync(path.join(version1, "cpu.cfs_quota_us"));
  const root = isVersion1 ? version1 : "/sys/fs/cgroup";
  const folder = path.join(root, `berth-bench-${process.pid}-${name}`);
  const write = (file: string, text: string): void => writeFileSync(path.join(folder, file), text);
  const quotaUs = Math.round(cores * periodUs);
  mkdirSync(folder);
  if (isVersion1) {
    write("cpu.cfs_period_us", String(periodUs));
    write("cpu.cfs_quota_us", String(quotaUs));
  } else write("cpu.max", `${quotaUs} ${periodUs}`);
  return {
    add: (pid) => write("cgroup.procs", String(pid)),
    remove: () => rmdirSync(folder),
  };
}
