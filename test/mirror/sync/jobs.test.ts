import assert from "node:assert/strict";
import { test } from "node:test";
import { warmJob } from "../../../src/mirror/sync/jobs.ts";
import type { SyncStep } from "../../../src/mirror/sync/pull.ts";

test("a download of an image that is canceled ends at its next step, and counts what it has done", async () => {
  const ending = new AbortController();
  const counts: Readonly<Record<string, number>>[] = [];
  let taken = 0;
  async function* steps(): AsyncGenerator<SyncStep> {
    for (; taken < 100; taken += 1) {
      if (taken === 3) ending.abort();
      yield { kind: "blob", isNew: true, sizeBytes: 10 } as SyncStep;
    }
  }
  const job = warmJob({ image: "a/b:1", namespace: "a", platforms: [], steps: steps() });
  await job.run({
    signal: ending.signal,
    count: (next) => counts.push(next),
    find: () => assert.fail("nothing failed"),
  });
  assert.equal(taken, 3);
  assert.deepEqual([counts.at(-1)?.["newBlobs"], counts.at(-1)?.["newBytes"]], [4, 40]);
});
