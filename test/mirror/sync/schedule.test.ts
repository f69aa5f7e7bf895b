import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { startSchedules } from "../../../src/mirror/sync/schedule.ts";

/** A schedule of an image that cannot be copied, and the times of its runs. */
function startFailing(cron: string, taken: Map<string, number>) {
  const runs: number[] = [];
  const settings = {
    ...{ cron, image: "library/app", tags: ["*"] },
    platforms: [],
    referrers: false,
  };
  const mirror = { settings: { namespace: "docker.io", schedule: [settings] } };
  const schedules = startSchedules(
    {
      list: [mirror as never],
      byRegistry: () => ({ mirrorRepository: { repository: "a/b" as never, name: "b" } }),
      hold: () => () => undefined,
    },
    {
      ...({} as { readonly database: never; readonly blobs: never }),
      leadership: {
        takeScheduleRun: async (name, atMs) => {
          if ((taken.get(name) ?? 0) >= atMs) return false;
          taken.set(name, atMs);
          return true;
        },
      },
      jobs: {
        runOnTime: ({ run }) =>
          run({
            signal: new AbortController().signal,
            count: () => undefined,
            find: () => undefined,
          }).catch(() => undefined),
      },
      report: () => void runs.push(Date.now()),
    },
  );
  return { runs, stop: () => schedules.stop() };
}

test("two processes with the same schedule run it once at each of its times", async () => {
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.UTC(2026, 0, 1) });
  const taken = new Map<string, number>();
  const [one, other] = [startFailing("*/2 * * * *", taken), startFailing("*/2 * * * *", taken)];
  try {
    for (let minute = 0; minute < 10; minute += 1) {
      // Timers run in the exact millisecond of their time.
      mock.timers.tick(60_000);
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    const minutes = [...one.runs, ...other.runs].map((atMs) => new Date(atMs).getUTCMinutes());
    assert.deepEqual(
      minutes.toSorted((a, b) => a - b),
      [2, 4, 6, 8, 10],
    );
    assert.deepEqual([...taken.values()], [Date.UTC(2026, 0, 1, 0, 10)]);
  } finally {
    one.stop();
    other.stop();
    mock.timers.reset();
  }
});
