import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startBackground } from "../../src/registry/upkeep/background.ts";
import { waitUntil } from "../support/wait.ts";

const leaseMs = 300;

/** Background runs that each note when they took their one step, on the clock of the machine. */
function startRuns(clock: () => number, everyMs = 1) {
  const steps: number[] = [];
  const background = startBackground({
    ...{ everyMs, leaseMs, stepsPerSecond: 1_000, clock },
    onError: (error) => assert.ifError(error),
    async *steps() {
      steps.push(performance.now());
      yield undefined;
    },
  });
  return { steps, stop: () => background.stop() };
}

describe("work in the background", () => {
  test("begins no sooner than one lease after the start, and goes on", async (t) => {
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

  test("waits one lease again when the clock has been set", async (t) => {
    let setMs = 0;
    const { steps, stop } = startRuns(() => Date.now() + setMs);
    t.after(stop);
    await waitUntil("it runs", () => steps.length > 0);
    setMs = 3_600_000;
    const setAtMs = performance.now();
    const before = steps.length;
    await waitUntil("it runs again", () => steps.length >= before + 3);
    // A step may have been under way when the clock was set, and one more sees that it was.
    const later = steps.slice(before).filter((at) => at - setAtMs >= leaseMs);
    assert.ok(steps.length - before - later.length <= 2, "it went on at once");
  });

  test("never runs when its interval is 0", async () => {
    const { steps, stop } = startRuns(Date.now, 0);
    await stop();
    assert.deepEqual(steps, []);
  });
});
