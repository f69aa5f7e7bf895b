import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import assert from "node:assert/strict";
import path from "node:path";
import { createRandom } from "../crash/content.ts";
import { walkRegistry } from "../crash/invariants.ts";
import { createLedger } from "../crash/ledger.ts";
import { load } from "../crash/load.ts";
import { acknowledgedIn, losses } from "../crash/losses.ts";
import { compareStored } from "../crash/stored.ts";
import { audit } from "./support/audit.ts";
import { startBerth } from "./support/berth.ts";
import { long, newFolder } from "./support/scratch.ts";
import { startTally } from "./support/tally.ts";

/** The number of rounds per entry of the list below. */
const rounds = long ? 100 : 3;
const roundsOnOneFolder = 10;
const latestKillMs = 1_200;
const leaseMs = 2_000;
const mustStartWithinMs = 5_000;
/** The collector deletes blobs as early as it is allowed to. */
const collecting = {
  BERTH_GC_LEASE: `${leaseMs / 1000}s`,
  BERTH_GC_GRACE: "0s",
  BERTH_GC_DELETE_DELAY: "0s",
  BERTH_GC_INTERVAL: "100ms",
  BERTH_GC_STEPS_PER_SECOND: "5000",
  BERTH_GC_DELETE_UNTAGGED: "true",
  BERTH_LOG_LEVEL: "info",
};
const random = createRandom(String(Date.now()));

for (const [manner, env] of [
  ["push, pull and delete", {}],
  ["push, pull, delete and collect", collecting],
  ["push, pull and delete with two workers", { BERTH_WORKERS: "2" }],
] as const) {
  const fault = `kill -9 amid ${manner}`;
  test(fault, async (t) => {
    const tally = startTally(t, fault);
    const collected = env === collecting;
    let slowestStartMs = 0;
    let collections = 0;
    while (tally.rounds < rounds && tally.lost.length === 0) {
      const data = path.join(newFolder("kill"), "data");
      const ledger = createLedger();
      let berth = await startBerth(data, { env });
      for (let round = 0; round < roundsOnOneFolder && tally.rounds < rounds; round += 1) {
        const name = `${manner.length}-${tally.rounds}`;
        // These pushes end well before their leases.
        const layerSizes = collected ? ([90, 700, 40_000] as const) : undefined;
        const ended = load({ wire: berth.wire, ledger, name, mixed: true, layerSizes });
        // After a start the collector waits one lease before it deletes anything.
        await pause((collected ? leaseMs + latestKillMs / 2 : 0) + random.below(latestKillMs));
        await berth.kill();
        await ended;
        collections += berth.log().split('"collected"').length - 1;
        tally.lost.push(...(await compareStored(data)).problems);
        berth = await startBerth(data, { env });
        slowestStartMs = Math.max(slowestStartMs, berth.startMs);
        if ((await compareStored(data)).orphanUploads > 0) tally.lost.push("uploads without a row");
        tally.lost.push(...(await losses(berth.wire, ledger, { collected })));
        tally.rounds += 1;
      }
      const walk = await walkRegistry(berth.wire);
      await berth.stop();
      tally.lost.push(...walk.problems, ...(await audit(data)));
      tally.acknowledged += acknowledgedIn(ledger);
    }
    tally.notes.push(`slowest start ${Math.round(slowestStartMs)} ms`);
    if (collected) tally.notes.push(`${collections} collections`);
    tally.check();
    if (collected && long) assert.ok(collections > 0, "no collection came to its end");
    assert.ok(slowestStartMs < mustStartWithinMs, `a start took ${slowestStartMs} ms`);
  });
}
