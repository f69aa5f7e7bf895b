import { setTimeout as pause } from "node:timers/promises";
import { JobError, stopped, type RunningJob } from "../coordination/job-run.ts";
import type { Jobs } from "../coordination/jobs.ts";
import type { JobKind } from "../database/schema.ts";
import type { Clock } from "../registry/leases.ts";

/** If the wall clock drifts from the monotonic clock by more than this, the wall clock has been set. */
const jumpMs = 60_000;

export interface MaintenanceTask {
  /** Stops the current run at its next step and waits for it. */
  stop(): Promise<void>;
}

/**
 * Runs the steps of a task every `everyMs`, at most `stepsPerSecond`. After a start, and after the wall clock has been
 * set, it first waits `waitAfterClockSetMs` of monotonic time: leases that another clock wrote are not reliable.
 * @param parts.recorded each run is a job of this kind, and the time of the next run is planned. `keepsPlan`: the first
 *   run waits until the time that an earlier process has planned, at most `everyMs`
 */
export function scheduleTask(parts: {
  /** 0: the task never runs. */
  readonly everyMs: number;
  readonly waitAfterClockSetMs: number;
  readonly stepsPerSecond: number;
  readonly clock: Clock;
  readonly recorded?: {
    readonly jobs: Pick<Jobs, "plan" | "nextAtMs" | "runOnTime">;
    readonly kind: JobKind;
    readonly keepsPlan?: boolean;
  };
  /** @param signal aborts when the task is stopped, or its job is canceled */
  readonly steps: (job: RunningJob | undefined, signal: AbortSignal) => AsyncIterable<unknown>;
  readonly onError: (error: unknown) => void;
}): MaintenanceTask {
  const { everyMs, waitAfterClockSetMs, stepsPerSecond, clock, recorded } = parts;
  const ending = new AbortController();
  const wasSet = watchClock(clock);
  let quietUntilMs = performance.now() + waitAfterClockSetMs;

  const clockWasSet = (): boolean => {
    if (!wasSet()) return false;
    quietUntilMs = Math.max(quietUntilMs, performance.now() + waitAfterClockSetMs);
    return true;
  };
  const plan = (inMs: number): void =>
    recorded?.jobs.plan(recorded.kind, Math.round(clock() + inMs));
  const keepPlan = async (): Promise<void> => {
    if (recorded?.keepsPlan !== true) return;
    const plannedAtMs = await recorded.jobs.nextAtMs(recorded.kind).catch(() => undefined);
    const left = Math.min(everyMs, (plannedAtMs ?? 0) - clock());
    quietUntilMs = Math.max(quietUntilMs, performance.now() + left);
  };
  const waitOutLease = async (): Promise<void> => {
    let plannedUntilMs: number | undefined;
    for (;;) {
      if (clockWasSet()) plannedUntilMs = undefined;
      const left = quietUntilMs - performance.now();
      if (left <= 0) return;
      if (plannedUntilMs !== quietUntilMs) plan(left);
      plannedUntilMs = quietUntilMs;
      await pause(Math.min(left, jumpMs), undefined, { signal: ending.signal, ref: false });
    }
  };
  const takeSteps = async (job?: RunningJob): Promise<void> => {
    const signal = job === undefined ? ending.signal : AbortSignal.any([ending.signal, job.signal]);
    for await (const _ of parts.steps(job, signal)) {
      await pause(1_000 / stepsPerSecond, undefined, { signal, ref: false }).catch(() => undefined);
      if (ending.signal.aborted) throw new JobError(stopped);
      // The run selected due rows by the old clock: stop it.
      if (clockWasSet() || signal.aborted) return;
    }
  };
  const runOnce = (): Promise<void> =>
    recorded === undefined
      ? takeSteps()
      : recorded.jobs.runOnTime({ kind: recorded.kind, run: takeSteps });
  const run = async (): Promise<void> => {
    if (everyMs === 0) return;
    await keepPlan();
    while (!ending.signal.aborted) {
      await waitOutLease();
      await runOnce().catch((error: unknown) => {
        if (!ending.signal.aborted) parts.onError(error);
      });
      if (!ending.signal.aborted) plan(everyMs);
      await pause(everyMs, undefined, { signal: ending.signal, ref: false });
    }
  };
  return stoppable(run(), ending);
}

/**
 * Runs the steps of a task once, `afterMs` after the call, at most `stepsPerSecond`. The run ends when the wall clock has
 * been set.
 */
export function runTaskOnce(parts: {
  readonly afterMs: number;
  readonly stepsPerSecond: number;
  readonly clock: Clock;
  readonly steps: () => AsyncIterable<unknown>;
  readonly onError: (error: unknown) => void;
}): MaintenanceTask {
  const { afterMs, stepsPerSecond, steps, onError } = parts;
  const ending = new AbortController();
  const options = { signal: ending.signal, ref: false };
  const clockWasSet = watchClock(parts.clock);
  const run = async (): Promise<void> => {
    await pause(afterMs, undefined, options);
    if (clockWasSet()) return;
    for await (const _ of steps()) {
      await pause(1_000 / stepsPerSecond, undefined, options);
      if (clockWasSet()) return;
    }
  };
  const running = run().catch((error: unknown) => {
    if (!ending.signal.aborted) onError(error);
  });
  return stoppable(running, ending);
}

/** Returns a function that says whether the wall clock has been set since the last call. */
function watchClock(clock: Clock): () => boolean {
  const drift = (): number => clock() - performance.now();
  let known = drift();
  return () => {
    if (Math.abs(drift() - known) <= jumpMs) return false;
    known = drift();
    return true;
  };
}

function stoppable(run: Promise<void>, ending: AbortController): MaintenanceTask {
  const running = run.catch(() => undefined);
  return {
    stop: async () => {
      ending.abort();
      await running;
    },
  };
}
