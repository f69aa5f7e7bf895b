// Loaded into Berth with --import. On SIGUSR2 it writes the event-loop delays since the last signal and resets them.
import { renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

const resolutionMs = 2;
const folder = process.env["EVENT_LOOP_DELAYS"];

if (folder !== undefined && isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  // Node measures the interval between two timer events. The delay is the interval minus the timer resolution.
  const lateMs = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolutionMs);
  process.on("SIGUSR2", () => {
    const file = path.join(folder, `delays-${process.pid}.json`);
    const [p50Ms, p99Ms] = [50, 99].map((part) => lateMs(delays.percentile(part)));
    writeFileSync(`${file}.part`, JSON.stringify({ p50Ms, p99Ms, maxMs: lateMs(delays.max) }));
    renameSync(`${file}.part`, file);
    delays.reset();
  });
}
