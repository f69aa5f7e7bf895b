import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import type { Ledger } from "../crash/ledger.ts";
import { compareStored } from "../crash/stored.ts";
import { makeOldFolder } from "../support/old-folder.ts";
import { startBerth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { long, newFolder, newPath } from "./support/scratch.ts";
import { run } from "./support/shell.ts";
import { startTally } from "./support/tally.ts";

/** System calls with which a migration writes to the WAL and to the database file. */
const calls = ["pwrite64", "fsync", "fdatasync", "ftruncate"] as const;
const farEnough = 400;
/** After this many calls the test kills at every seventh call only. */
const closely = long ? farEnough : 4;

/** Returns the ledger without uploads: an upload can be continued only once. */
const heldIn = (ledger: Ledger): Ledger => ({ ...ledger, uploads: new Set() });

test("no data is lost by kill -9 during the first start on an older folder", async (t) => {
  const tally = startTally(t, "kill -9 amid the first start on an older folder");
  const old = newFolder("old");
  const ledger = heldIn(makeOldFolder(old, 1));
  for (const call of calls) {
    for (let k = 1; k < farEnough; k += k < closely ? 1 : 7) {
      const data = newPath("migrated");
      await cp(old, data, { recursive: true });
      const options = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${k}`];
      const through = ["strace", "-D", "-f", "-qq", "-o", newPath("trace"), ...options];
      const berth = await startBerth(data, { through }).catch(() => undefined);
      await berth?.kill();
      // The start succeeded: no thread reached call k.
      if (berth !== undefined) break;
      tally.rounds += 1;
      tally.lost.push(
        ...(await compareStored(data)).problems.map((told) => `${call} ${k}: ${told}`),
      );
      await finish({ berth: await startBerth(data), data, ledger, tally });
      await rm(data, { recursive: true });
    }
  }
  assert.ok(tally.rounds > 10, "it was killed too seldom");
});

test("a first start on an older folder fails without data loss on a full disk, and succeeds later", async (t) => {
  const tally = startTally(t, "no room at the first start on an older folder");
  const point = newFolder("full");
  await run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", point);
  const data = path.join(point, "data");
  const ledger = heldIn(makeOldFolder(data, 1, 40));
  const ballast = path.join(point, "ballast");
  // Each start has 24 KiB more space and gets a little further.
  for (let leftKiB = 0; ; leftKiB += 24) {
    const [, available = ""] = (await run("df", "-k", "--output=avail", point)).split("\n");
    await run("fallocate", "-l", `${Number(available) - leftKiB}K`, ballast);
    const started = await startBerth(data).catch((error: unknown) => String(error));
    if (typeof started !== "string") await started.kill();
    await rm(ballast);
    if (typeof started !== "string") break;
    tally.rounds += 1;
    if (!/berth: cannot (?:start|use)/.test(started)) tally.lost.push(started);
    const database = new SqliteDatabase(path.join(data, "berth.db"), { readonly: true });
    const versions = database.prepare("SELECT version FROM schema_migrations").pluck().all();
    database.close();
    tally.notes.push(`${leftKiB} KiB left: version ${Math.max(...versions.map(Number))}`);
    tally.lost.push(...(await compareStored(data)).problems);
  }
  assert.ok(tally.rounds > 0, "there was room at once");
  await finish({ berth: await startBerth(data), data, ledger, tally });
});
