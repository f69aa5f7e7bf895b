import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { temporaryFolder } from "../../support/temporary.ts";

test("six threads that open new databases at the same time all succeed", async () => {
  const root = temporaryFolder();
  mkdirSync(root, { recursive: true });
  for (let round = 0; round < 2; round += 1) {
    const folder = mkdtempSync(path.join(root, "at-once-"));
    const gate = new SharedArrayBuffer(4);
    const files = { main: path.join(folder, "berth.db"), counts: path.join(folder, "counts.db") };
    const workers = Array.from(
      { length: 6 },
      () =>
        new Worker(new URL("./open-at-once.ts", import.meta.url), {
          workerData: { ...files, gate },
          execArgv: ["--import", new URL("../../support/register.mjs", import.meta.url).href],
        }),
    );
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const outcomes = Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    assert.deepEqual(
      await outcomes,
      workers.map(() => "opened"),
    );
  }
});
