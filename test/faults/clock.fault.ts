import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createLedger } from "../crash/ledger.ts";
import { load } from "../crash/load.ts";
import { startBerth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { newFolder, newPath } from "./support/scratch.ts";
import { run } from "./support/shell.ts";
import { startTally } from "./support/tally.ts";

const leaseMs = 3_000;
const collecting = {
  BERTH_GC_LEASE: `${leaseMs / 1000}s`,
  BERTH_GC_GRACE: "0s",
  BERTH_GC_DELETE_DELAY: "0s",
  // Collections follow each other closely, so that a jump happens during one.
  BERTH_GC_INTERVAL: "50ms",
  BERTH_GC_DELETE_UNTAGGED: "true",
};

test("no push fails and no data is lost when the clock jumps forward and back by 25 hours", async (t) => {
  const tally = startTally(t, "the clock jumps by 25 hours, forth and back");
  const data = path.join(newFolder("clock"), "data");
  const ledger = createLedger();
  const offset = newPath("offset");
  const setClock = (by: string): void => writeFileSync(offset, `${by}\n`);
  setClock("+0");
  const library = await run("faketime", "-m", "-f", "+0", "printenv", "LD_PRELOAD");
  const berth = await startBerth(data, {
    env: {
      ...collecting,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  });
  const { wire } = berth;
  // `load` rejects if a push fails, for example because a jump ended its leases.
  const ended = load({ wire, ledger, name: "clock", mixed: true, layerSizes: [90, 700, 40_000] });
  ended.catch(() => undefined);
  await pause(1_500);
  for (const by of ["+25h", "-25h", "+0"]) {
    setClock(by);
    // After a jump the collector waits one lease. The pause is longer, so that it runs after each jump.
    await Promise.race([ended, pause(leaseMs + 2_000)]);
    const told = Date.parse(String((await wire.send("HEAD", "/v2/")).headers.date));
    const jumpedHours = Math.round((told - Date.now()) / 3_600_000);
    if (jumpedHours !== Number.parseInt(by, 10))
      tally.lost.push(`its clock is at ${jumpedHours} h`);
    tally.rounds += 1;
  }
  setClock("+25h");
  await pause(1_500);
  await finish({ berth, data, ledger, tally }, { how: "kill", collected: true });
  await ended;
});
