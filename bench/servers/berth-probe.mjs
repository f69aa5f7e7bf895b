// Loaded into Berth with --import, in its main thread and in its worker threads. It writes files into a folder:
// - `thread-PID-TID`, at the start: the name of a thread. Node 20 gives all its threads the name of the program.
// - `delays-PID.json`, on SIGUSR2: the event-loop delays since the last signal.
import { pbkdf2 } from "node:crypto";
import { readlink, readlinkSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

const resolutionMs = 2;
const folder = process.env["PROBE_FOLDER"];

/** A link of /proc/thread-self: `PID/task/TID`. */
const nameThread = (link, name) =>
  writeFileSync(path.join(folder, `thread-${process.pid}-${path.basename(link)}`), name);

/** `writer` for a worker thread that runs `writer-thread.js`. */
const workerName = () => path.parse(process.argv[1] ?? "").name.replace(/-thread$/, "");

/**
 * A thread of libuv's pool is known by what it reads: each asynchronous readlink is the link of the thread that runs it.
 * The work between two of them keeps a thread busy for milliseconds, so that the other threads take the next ones.
 */
function nameThreadPool() {
  for (let times = 0; times < 16; times += 1) {
    pbkdf2("", "", 5_000, 64, "sha512", () => undefined);
    readlink("/proc/thread-self", (error, link) => {
      if (!error) nameThread(link, "libuv pool");
    });
  }
}

function watchDelays() {
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

if (folder !== undefined) {
  nameThread(readlinkSync("/proc/thread-self"), isMainThread ? "event loop" : workerName());
  if (isMainThread) {
    nameThreadPool();
    watchDelays();
  }
}
