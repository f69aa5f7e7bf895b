import { setImmediate } from "node:timers/promises";

/**
 * Work for one request that consists of many steps. Between two steps other requests get their turn of the event loop,
 * and the work ends when its client is gone.
 */
export interface YieldingWork {
  /**
   * Call it before each step. Resolves at once while the steps of this turn took less than 10 ms together, otherwise in
   * the next turn. Rejects with ECONNRESET when the client is gone. A step itself takes at most a few milliseconds.
   */
  step(): Promise<void>;
}

/** How long one request keeps the event loop before others get their turn. */
const turnMs = 10;

/** @param signal aborts when the client is gone */
export function createYieldingWork(signal: AbortSignal): YieldingWork {
  let turnBeganAtMs = performance.now();
  return {
    async step() {
      if (signal.aborted) throw clientGone();
      if (performance.now() - turnBeganAtMs < turnMs) return;
      await setImmediate();
      turnBeganAtMs = performance.now();
      if (signal.aborted) throw clientGone();
    },
  };
}

function clientGone(): Error {
  return Object.assign(new Error("the client went away"), { code: "ECONNRESET" });
}
