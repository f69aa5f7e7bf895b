/*
 * A Berth in a separate process that measures its own event loop and memory, without the work of the test.
 * `bounds.test.ts` starts it with an IPC channel.
 */
import { existsSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { startClosedBerth } from "../support/closed.ts";
import { buildWorld, type World } from "./world.ts";

export type Question = "collect" | "reset" | "read" | "calibrate" | "end";

/** The cost of a request. */
export interface Cost {
  /** The longest delay of the event loop, in milliseconds of the wall clock. */
  readonly loopMs: number;
  /**
   * The longest CPU time of the main thread between two iterations of the event loop, or of the whole process if the
   * system does not report threads. The time of other processes on the core does not count.
   */
  readonly cpuMs: number;
  /** The largest growth of resident memory, in bytes. */
  readonly rssBytes: number;
}

export type Reply =
  | { readonly kind: "ready"; readonly port: number; readonly world: World }
  | { readonly kind: "done" }
  | { readonly kind: "calibrated"; readonly cpuMs: number }
  | { readonly kind: "cost"; readonly cost: Cost };

/** On Linux schedstat contains the CPU time of a thread in nanoseconds. The id of the main thread is the process id. */
const statistics = `/proc/self/task/${process.pid}/schedstat`;
function cpuMsSoFar(): number {
  if (existsSync(statistics))
    return Number(readFileSync(statistics, "utf8").split(" ", 1)[0]) / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const berth = await startClosedBerth({
  "limits.headerSize": "64KiB",
  "gc.deleteUntagged": "true",
  mirrors: JSON.stringify([{ namespace: "docker.io", upstream: "https://127.0.0.1:9" }]),
});
const world = await buildWorld(berth);
const delays = monitorEventLoopDelay({ resolution: 5 });
delays.enable();
let [cpuBefore, cpuLongest] = [0, 0];
let [rssBefore, rssPeak] = [0, 0];
const look = (): void => {
  rssPeak = Math.max(rssPeak, process.memoryUsage.rss());
  const now = cpuMsSoFar();
  cpuLongest = Math.max(cpuLongest, now - cpuBefore);
  cpuBefore = now;
};
const timer = setInterval(look, 5);

const send = (reply: Reply): void => void process.send?.(reply);
/** JSON of 4 MiB: like the largest body, it does not fit into the caches of the processor. */
const calibrationText = JSON.stringify(
  Array.from({ length: 150_000 }, (_, at) => ({ key: `${at}`, at })),
);
/** The CPU time of work that takes 85 ms on an idle core of 3 GHz. */
function calibrate(): number {
  const before = cpuMsSoFar();
  JSON.parse(calibrationText);
  return cpuMsSoFar() - before;
}

process.on("message", (question: Question) => {
  switch (question) {
    case "collect":
      globalThis.gc?.();
      return send({ kind: "done" });
    case "reset":
      rssBefore = rssPeak = process.memoryUsage.rss();
      cpuBefore = cpuMsSoFar();
      cpuLongest = 0;
      delays.reset();
      return send({ kind: "done" });
    case "read": {
      look();
      // The histogram contains the interval of its own timer, which is 5 ms.
      const loopMs = Math.max(0, delays.max / 1e6 - 5);
      return send({
        kind: "cost",
        cost: { loopMs, cpuMs: cpuLongest, rssBytes: rssPeak - rssBefore },
      });
    }
    case "calibrate":
      return send({ kind: "calibrated", cpuMs: calibrate() });
    case "end":
      clearInterval(timer);
      delays.disable();
      process.disconnect?.();
  }
});
send({ kind: "ready", port: berth.port, world });
await new Promise((resolve) => process.once("disconnect", resolve));
await berth.close();
process.exit();
