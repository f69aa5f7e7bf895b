/*
 * A Berth in a process of its own that measures its own event loop and memory, so that the work of a test that asks it
 * does not count. Started by `bounds.test.ts` with an IPC channel.
 */
import { existsSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { startClosedBerth } from "../support/closed.ts";
import { buildWorld, type World } from "./world.ts";

export type Question = "collect" | "reset" | "read" | "calibrate" | "end";

/** What a request has cost. */
export interface Cost {
  /** The longest time in which the event loop did not come round, in milliseconds of the wall clock. */
  readonly loopMs: number;
  /**
   * The longest CPU time between two turns of the event loop, of its thread; where the system does not tell that, of
   * the whole process. Other processes that have the core meanwhile do not count.
   */
  readonly cpuMs: number;
  /** By how much resident memory grew at most. */
  readonly rssBytes: number;
}

export type Reply =
  | { readonly kind: "ready"; readonly port: number; readonly world: World }
  | { readonly kind: "done" }
  | { readonly kind: "calibrated"; readonly cpuMs: number }
  | { readonly kind: "cost"; readonly cost: Cost };

/** Linux tells the nanoseconds that a thread has run (proc_pid_schedstat); the first thread has the id of the process. */
const statistics = `/proc/self/task/${process.pid}/schedstat`;
function cpuMsSoFar(): number {
  if (existsSync(statistics))
    return Number(readFileSync(statistics, "utf8").split(" ", 1)[0]) / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const berth = await startClosedBerth({ "limits.headerSize": "64KiB" });
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
/** CPU time of work that takes 20 ms on a core of 3 GHz that has nothing else to do. */
function calibrate(): number {
  const text = JSON.stringify(Array.from({ length: 25_000 }, (_, at) => ({ key: `${at}`, at })));
  JSON.parse(text);
  const before = cpuMsSoFar();
  for (let round = 0; round < 2; round += 1) JSON.parse(text);
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
      // The histogram counts what its own timer is late by.
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
