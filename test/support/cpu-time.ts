import process from "node:process";

/** The processor time of `work` in milliseconds, the least of three runs: other processes and the collector count little. */
export function cpuMsOf(work: () => void): number {
  const runs = [1, 2, 3].map(() => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  });
  return Math.min(...runs);
}
