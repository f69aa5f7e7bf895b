import { Agent, get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/*
 * Requests /healthz every 20 ms from a separate thread, so that load of the fuzzer does not look like a stall of the
 * server.
 */

export interface Probe {
  /** The longest time of an answer since the last call, in milliseconds. */
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
