import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { scheduleTask } from "../../src/maintenance/scheduled-task.ts";
import { waitUntil } from "../support/wait.ts";

const leaseMs = 300;

/** Schedules runs of one step each. `steps` has the time of each step, in ms of the monotonic clock. */
function startRuns(clock: () => number, everyMs = 1) {
  const steps: number[] = [];
  const task = scheduleTask({
    ...{ everyMs, leaseMs, stepsPerSecond: 1_000, clock },
    onError: (error) => assert.ifError(error),
    async *steps() {
      steps.push(performance.now());
      yield undefined;
    },
  });
  return { steps, stop: () => task.stop() };
}

describe("a scheduled task", () => {
  test("starts at least one lease after the process start, and repeats", async (t) => {
    const startedAtMs = performance.now();
    const { steps, stop } = startRuns(Date.now);
    t.after(stop);
    await waitUntil("it has run three times", () => steps.length >= 3);
    const [first = 0] = steps;
    assert.ok(
      first - startedAtMs >= leaseMs,
      `the first step came after ${first - startedAtMs} ms`,
    );
  });

  test("waits for one lease after the clock is set", async (t) => {
    let setMs = 0;
    const { steps, stop } = startRuns(() => Date.now() + setMs);
    t.after(stop);
    await waitUntil("it runs", () => steps.length > 0);
    setMs = 3_600_000;
    const setAtMs = performance.now();
    const before = steps.length;
    await waitUntil("it runs again", () => steps.length >= before + 3);
    // One step may run while the clock is set, and one more step detects the change.
    const later = steps.slice(before).filter((at) => at - setAtMs >= leaseMs);
    assert.ok(steps.length - before - later.length <= 2, "it went on at once");
  });

  test("never runs when its interval is 0", async () => {
    const { steps, stop } = startRuns(Date.now, 0);
    await stop();
    assert.deepEqual(steps, []);
  });
});
