import { Agent, get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/*
 * Asks /healthz all the time from a thread of its own, so that what keeps the fuzzer busy is not taken for a stall of
 * the server.
 */

export interface Probe {
  /** The longest that an answer took since the last call, in milliseconds. */
  worstMs(): Promise<number>;
  close(): Promise<void>;
}

export function startProbe(port: number): Probe {
  const worker = new Worker(new URL(import.meta.url), { workerData: port });
  return {
    worstMs: () =>
      new Promise((resolve) => {
        worker.once("message", resolve);
        worker.postMessage("tell");
      }),
    close: async () => void (await worker.terminate()),
  };
}

const everyMs = 20;

async function probe(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let worstMs = 0;
  let askedAtMs: number | undefined;
  const take = (): void => {
    if (askedAtMs !== undefined) worstMs = Math.max(worstMs, performance.now() - askedAtMs);
  };
  parentPort?.on("message", () => {
    take();
    parentPort?.postMessage(worstMs);
    worstMs = 0;
  });
  for (;;) {
    askedAtMs = performance.now();
    await new Promise<void>((resolve) => {
      get({ port, host: "127.0.0.1", path: "/healthz", agent, localAddress: "127.0.0.1" })
        .on("response", (response) => response.resume().on("end", resolve))
        .on("error", () => resolve());
    });
    take();
    askedAtMs = undefined;
    await pause(everyMs);
  }
}

if (!isMainThread && typeof workerData === "number") void probe(workerData);
