import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { contentOf } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { octets } from "../crash/uploader.ts";
import { startBerth } from "./support/berth.ts";
import { finish } from "./support/finish.ts";
import { misanswered, tryAllWays } from "./support/requests.ts";
import { newFolder } from "./support/scratch.ts";
import { startTally } from "./support/tally.ts";

const heldMs = 3_000;
/** Far less than `heldMs`, and far more than a pull takes on a busy machine. */
const stalledMs = 1_000;

test("pulls continue and pushes wait while another process holds the database's write lock for 3 s", async (t) => {
  const tally = startTally(t, "another process holds the database's write lock for 3 s");
  const data = path.join(newFolder("lock"), "data");
  const ledger = createLedger();
  const berth = await startBerth(data);
  const { wire } = berth;
  tally.lost.push(...misanswered(await tryAllWays(wire, ledger, "before"), []));
  const images = [...ledger.images];
  const blobs = [...ledger.blobs];

  const other = new SqliteDatabase(path.join(data, "berth.db"));
  t.after(() => other.close());
  for (; tally.rounds < 2; tally.rounds += 1) {
    other.exec("BEGIN IMMEDIATE");
    let held = true;
    let [pulls, slowestMs] = [0, 0];
    const pull = async (target: string): Promise<void> => {
      const before = performance.now();
      await wire.expect(200, "GET", target);
      pulls += 1;
      slowestMs = Math.max(slowestMs, performance.now() - before);
    };
    const puller = async (): Promise<void> => {
      while (held) {
        for (const { repository, tag } of images) await pull(`/v2/${repository}/manifests/${tag}`);
        for (const { repository, digest } of blobs) await pull(`/v2/${repository}/blobs/${digest}`);
      }
    };
    const pusher = async (index: number): Promise<void> => {
      const repository = `faults/push-${index}`;
      const body = contentOf(`lock/${tally.rounds}/${index}`, 20_000);
      const digest = digestOf(body);
      const target = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
      await wire.expect(201, "POST", target, { body, headers: octets });
      if (held) tally.lost.push("a push was acknowledged while no process could write it");
      ledger.blobs.push({ repository, digest, sizeBytes: body.length });
    };
    const working = [
      ...Array.from({ length: 4 }, puller),
      ...Array.from({ length: 16 }, (_, index) => pusher(index)),
    ];
    await Promise.race([pause(heldMs), Promise.all(working)]);
    held = false;
    other.exec("ROLLBACK");
    await Promise.all(working);
    tally.notes.push(`${pulls} pulls, the slowest ${Math.round(slowestMs)} ms`);
    if (slowestMs > stalledMs) tally.lost.push(`a pull took ${Math.round(slowestMs)} ms`);
  }
  await finish({ berth, data, ledger, tally });
});
