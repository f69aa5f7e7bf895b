import { setImmediate } from "node:timers/promises";

/**
 * Work of many steps for one request. Between two steps other requests can use the event loop, and the work ends when
 * the client disconnects.
 */
export interface YieldingWork {
  /**
   * Call it before each step; a step should take at most a few milliseconds. Resolves at once while the work has used
   * the event loop for less than 10 ms, otherwise in the next loop iteration. Rejects with ECONNRESET after the client
   * disconnects.
   */
  step(): Promise<void>;
}

/** How long one request uses the event loop before it yields. */
const turnMs = 10;

/** @param isGone whether the client has disconnected; an AbortSignal would double the cost of a cached answer */
export function createYieldingWork(isGone: () => boolean): YieldingWork {
  let turnBeganAtMs = performance.now();
  return {
    async step() {
      if (isGone()) throw clientGone();
      if (performance.now() - turnBeganAtMs < turnMs) return;
      await setImmediate();
      turnBeganAtMs = performance.now();
      if (isGone()) throw clientGone();
    },
  };
}

function clientGone(): Error {
  return Object.assign(new Error("the client disconnected"), { code: "ECONNRESET" });
}
