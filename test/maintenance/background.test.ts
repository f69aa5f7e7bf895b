import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { scheduleTask } from "../../src/maintenance/background.ts";
import { pushBlob, startBerth } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

const leaseMs = 300;

/** Schedules runs of one step each. `steps` has the time of each step, in ms of the monotonic clock. */
function startRuns(clock: () => number, everyMs = 1) {
  const steps: number[] = [];
  const background = scheduleTask({
    ...{ everyMs, leaseMs, stepsPerSecond: 1_000, clock },
    onError: (error) => assert.ifError(error),
    async *steps() {
      steps.push(performance.now());
      yield undefined;
    },
  });
  return { steps, stop: () => background.stop() };
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

describe("a server without requests", () => {
  test("verifies its blobs, and answers 404 for a blob whose bytes have changed", async (t) => {
    const berth = await startBerth(temporaryFolder(), { "scrub.interval": "1s" });
    t.after(() => berth.close());
    const digest = await pushBlob(berth, "team/app", "right bytes");
    const [, hex = ""] = digest.split(":");
    const folder = path.join(berth.data, "blobs", "sha256", hex.slice(0, 2));
    const [file = ""] = readdirSync(folder);
    writeFileSync(path.join(folder, file), "wrong bytes");
    const blob = `/v2/team/app/blobs/${digest}`;
    await waitUntil(
      "the blob is not shown",
      async () => (await berth.api.head(blob)).status === 404,
    );
  });

  test("removes an upload within an hour after limits.uploadExpiry", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const berth = await startBerth(temporaryFolder(), { "limits.uploadExpiry": "1s" });
    t.after(() => berth.close());
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    const upload = String(headers["location"]);
    await berth.api.get(upload).expect(204);
    await waitUntil("the upload is gone", async () => {
      t.mock.timers.tick(3_600_000);
      return (await berth.api.get(upload)).status === 404;
    });
  });
});
