import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Jobs } from "../../src/coordination/jobs.ts";
import { runTaskOnce, scheduleTask } from "../../src/maintenance/scheduled-task.ts";
import { openTestDatabase } from "../support/database.ts";
import { waitUntil } from "../support/wait.ts";

const waitAfterClockSetMs = 300;

/** Schedules runs of one step each. `steps` has the time of each step, in ms of the monotonic clock. */
function startRuns(clock: () => number, everyMs = 1) {
  const steps: number[] = [];
  const task = scheduleTask({
    ...{ everyMs, waitAfterClockSetMs, stepsPerSecond: 1_000, clock },
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
      first - startedAtMs >= waitAfterClockSetMs,
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
    const later = steps.slice(before).filter((at) => at - setAtMs >= waitAfterClockSetMs);
    assert.ok(steps.length - before - later.length <= 2, "it went on at once");
  });

  test("never runs when its interval is 0", async () => {
    const { steps, stop } = startRuns(Date.now, 0);
    await stop();
    assert.deepEqual(steps, []);
  });
});

describe("a scheduled task whose runs are recorded", async () => {
  const database = await openTestDatabase();
  after(() => database.close());
  const jobs = new Jobs({ database, clock: Date.now, report: (error) => assert.ifError(error) });
  const start = (everyMs: number, clock: () => number = Date.now) => {
    const begun: number[] = [];
    const task = scheduleTask({
      ...{ everyMs, waitAfterClockSetMs: 50, stepsPerSecond: 1_000, clock },
      recorded: { jobs, kind: "scrub", keepsPlan: true },
      onError: (error) => assert.ifError(error),
      async *steps(_, signal) {
        begun.push(Date.now());
        while (!signal.aborted) yield undefined;
      },
    });
    return { begun, stop: () => task.stop() };
  };

  test("waits after a restart until the time that was planned before it", async (t) => {
    const plannedAtMs = Date.now() + 1_000;
    await database.commands.planJob({ kind: "scrub", nextAtMs: plannedAtMs });
    const { begun, stop } = start(60_000);
    t.after(stop);
    await waitUntil("it runs", () => begun.length > 0);
    assert.ok((begun[0] ?? 0) >= plannedAtMs - 10);
  });

  test("waits until the planned time also when the clock is set meanwhile", async (t) => {
    let setMs = 0;
    const plannedAtMs = Date.now() + 1_000;
    await database.commands.planJob({ kind: "scrub", nextAtMs: plannedAtMs + 3_600_000 });
    const { begun, stop } = start(60_000, () => Date.now() + setMs);
    t.after(stop);
    setMs = 3_600_000;
    await waitUntil("it runs", () => begun.length > 0);
    assert.ok((begun[0] ?? 0) >= plannedAtMs - 10);
  });

  test("runs one interval after a restart at the latest, and fails if the server stops", async () => {
    await database.commands.planJob({ kind: "scrub", nextAtMs: Date.now() + 3_600_000 });
    const { begun, stop } = start(100);
    await waitUntil("it runs", () => begun.length > 0);
    await stop();
    const { state, reason } = (await jobs.lastEnded("scrub")) ?? {};
    assert.deepEqual([state, reason], ["failed", "the server stopped"]);
  });
});

describe("a task that runs once", () => {
  test("starts after the given time and pauses after each step", async (t) => {
    const startedAtMs = performance.now();
    const steps: number[] = [];
    const task = runTaskOnce({
      ...{ afterMs: 200, stepsPerSecond: 20, clock: Date.now },
      onError: (error) => assert.ifError(error),
      async *steps() {
        for (let step = 0; step < 3; step += 1) {
          steps.push(performance.now());
          yield undefined;
        }
      },
    });
    t.after(() => task.stop());
    await waitUntil("it has made its steps", () => steps.length === 3);
    const [first = 0, , last = 0] = steps;
    assert.ok(first - startedAtMs >= 190, `the first step came after ${first - startedAtMs} ms`);
    assert.ok(last - first >= 90, `three steps took ${last - first} ms`);
  });

  test("makes no further step after it was stopped, and reports no error", async () => {
    let steps = 0;
    const task = runTaskOnce({
      ...{ afterMs: 0, stepsPerSecond: 1, clock: Date.now },
      onError: (error) => assert.ifError(error),
      async *steps() {
        for (;;) {
          steps += 1;
          yield undefined;
        }
      },
    });
    await waitUntil("it runs", () => steps > 0);
    await task.stop();
    assert.equal(steps, 1);
  });

  test("ends when the wall clock has been set back", async (t) => {
    let steps = 0;
    let isOver = false;
    let aheadMs = 3_600_000;
    const task = runTaskOnce({
      ...{ afterMs: 0, stepsPerSecond: 1_000, clock: () => Date.now() + aheadMs },
      onError: (error) => assert.ifError(error),
      async *steps() {
        try {
          for (;;) {
            steps += 1;
            if (steps === 3) aheadMs = 0;
            yield undefined;
          }
        } finally {
          isOver = true;
        }
      },
    });
    t.after(() => task.stop());
    await waitUntil("the run has ended", () => isOver);
    assert.equal(steps, 3);
  });
});
