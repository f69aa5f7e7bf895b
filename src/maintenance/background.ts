import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../registry/leases.ts";

/** A clock that has moved by this much more or less than the machine's own count has been set. */
const jumpMs = 60_000;

export interface MaintenanceTask {
  /** Waits for the run under way to stop at its next step. */
  stop(): Promise<void>;
}

/**
 * Runs the collector's steps now and then, a bounded number a second. After a start, and after the clock has been
 * set, it waits one whole lease of the machine's own time: leases that were written by another clock say nothing.
 */
export function scheduleTask(parts: {
  /** 0: never. */
  readonly everyMs: number;
  readonly leaseMs: number;
  readonly stepsPerSecond: number;
  readonly clock: Clock;
  readonly steps: () => AsyncIterable<unknown>;
  readonly onError: (error: unknown) => void;
}): MaintenanceTask {
  const { everyMs, leaseMs, stepsPerSecond, clock } = parts;
  const ending = new AbortController();
  const drift = (): number => clock() - performance.now();
  let knownDrift = drift();
  let quietUntilMs = performance.now() + leaseMs;

  const clockWasSet = (): boolean => {
    if (Math.abs(drift() - knownDrift) <= jumpMs) return false;
    knownDrift = drift();
    quietUntilMs = performance.now() + leaseMs;
    return true;
  };
  const waitOutLease = async (): Promise<void> => {
    for (;;) {
      clockWasSet();
      const left = quietUntilMs - performance.now();
      if (left <= 0) return;
      await pause(Math.min(left, jumpMs), undefined, { signal: ending.signal, ref: false });
    }
  };
  const runOnce = async (): Promise<void> => {
    for await (const _ of parts.steps()) {
      await pause(1_000 / stepsPerSecond, undefined, { signal: ending.signal, ref: false });
      // What the run took for due was due by another clock.
      if (clockWasSet()) return;
    }
  };
  const run = async (): Promise<void> => {
    if (everyMs === 0) return;
    while (!ending.signal.aborted) {
      await waitOutLease();
      await runOnce().catch((error: unknown) => {
        if (!ending.signal.aborted) parts.onError(error);
      });
      await pause(everyMs, undefined, { signal: ending.signal, ref: false });
    }
  };
  const running = run().catch(() => undefined);
  return {
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}
