import assert from "node:assert/strict";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createRandom } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { compareStored } from "../crash/stored.ts";
import { startBerth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { createReuser } from "./support/reuser.ts";
import { long, newFolder } from "./support/scratch.ts";
import { startTally } from "./support/tally.ts";

const leaseMs = 2_000;
const pushes = long ? 5_000 : 500;
const clients = 8;
const pauseMs = 250;
const collecting = {
  BERTH_GC_LEASE: `${leaseMs / 1000}s`,
  BERTH_GC_GRACE: "0s",
  BERTH_GC_DELETE_DELAY: "0s",
  BERTH_GC_INTERVAL: "100ms",
  BERTH_GC_STEPS_PER_SECOND: "5000",
  BERTH_GC_DELETE_UNTAGGED: "true",
  BERTH_LOG_LEVEL: "info",
};

test("no acknowledged push is lost while the collector loops and clients reuse the blobs that it deletes", (t) =>
  loop(t, "the collector loops while clients reuse what it is about to take", {}));

test("with two workers, no acknowledged push is lost while the collector loops and clients reuse blobs", (t) =>
  loop(t, "the same with two workers", { BERTH_WORKERS: "2" }));

async function loop(t: TestContext, fault: string, env: NodeJS.ProcessEnv): Promise<void> {
  const tally = startTally(t, fault);
  const data = path.join(newFolder("collector"), "data");
  const ledger = createLedger();
  const berth = await startBerth(data, { env: { ...collecting, ...env } });
  const counts = { pushed: 0, skipped: 0, mounted: 0, uploaded: 0, late: 0 };

  const client = async (index: number): Promise<void> => {
    const random = createRandom(`${Date.now()}/${index}`);
    const reuser = createReuser({ wire: berth.wire, ledger, index, clients, leaseMs, counts });
    while (counts.pushed < pushes) {
      await reuser.push(random);
      if (random.below(3) === 0) await reuser.remove(random);
      // The pause is long enough for leases to expire during the test.
      await pause(random.below(pauseMs));
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  tally.rounds = counts.pushed;
  tally.acknowledged = counts.pushed;
  const { skipped, mounted, uploaded, late } = counts;
  tally.notes.push(
    `blobs: ${skipped} skipped after HEAD, ${mounted} mounted, ${uploaded} uploaded`,
  );
  tally.notes.push(`${late} pushes longer than the lease`);
  tally.lost.push(...(await losses(berth.wire, ledger, { collected: true })));

  const freed = [...berth.log().matchAll(/"blobs":(\d+)[^\n]*"collected"/g)].map(([, n]) =>
    Number(n),
  );
  const sum = freed.reduce((total, blobs) => total + blobs, 0);
  tally.notes.push(`${freed.length} collections freed ${sum} blobs`);
  assert.ok(sum > 0, "the collector took nothing");
  tally.lost.push(...(await compareStored(data)).problems.filter((told) => !told.includes("file")));
  await finish({ berth, data, ledger, tally }, { collected: true });
}
