import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";
import { createRandom } from "./content.ts";
import { walkRegistry } from "./invariants.ts";
import { createLedger } from "./ledger.ts";
import { load } from "./load.ts";
import { losses } from "./losses.ts";
import { startServer } from "./server.ts";
import { compareStored } from "./stored.ts";
import { resume } from "./uploader.ts";

/*
 * BERTH_CRASH_ROUNDS: how often the server is killed. BERTH_CRASH_SEED: repeats the contents, sizes and push methods
 * of a run, and approximately the times of the kills.
 */
const rounds = Number(process.env["BERTH_CRASH_ROUNDS"] ?? 2);
const seed = process.env["BERTH_CRASH_SEED"] ?? String(Date.now());
const latestKillMs = 900;

test("kill -9 loses no acknowledged content, and clients can resume open uploads", async (t) => {
  const data = path.join(temporaryFolder(), "data");
  const random = createRandom(seed);
  const told = { images: 0, blobs: 0, resumed: 0, lost: [] as string[], slowestStartMs: 0 };
  let server = await startServer(data);

  for (let round = 0; round < rounds; round += 1) {
    const ledger = createLedger();
    const ended = load({ wire: server.wire, ledger, name: `${seed}-${round}`, mixed: true });
    // The first round waits for one image, also on a slow machine. Later rounds may be killed at their first byte.
    if (round === 0) await waitUntil("an image is pushed", () => ledger.images.length > 0);
    await pause(random.below(latestKillMs));
    await server.kill();
    await ended;
    assert.deepEqual((await compareStored(data)).problems, []);

    const before = performance.now();
    server = await startServer(data);
    told.slowestStartMs = Math.max(told.slowestStartMs, performance.now() - before);
    assert.equal(
      (await compareStored(data)).orphanUploads,
      0,
      "uploads without a row after a start",
    );
    for (const upload of ledger.uploads) {
      await resume({ ...upload, name: "", wire: server.wire, ledger }, upload);
      told.resumed += 1;
    }
    told.images += ledger.images.length;
    told.blobs += ledger.blobs.length;
    told.lost.push(...(await losses(server.wire, ledger)));
  }

  const walk = await walkRegistry(server.wire);
  await server.kill();
  const stored = await compareStored(data);
  t.diagnostic(
    `seed ${seed}: ${rounds} rounds, ${told.images} images and ${told.blobs} blobs acknowledged, ${told.resumed} ` +
      `uploads went on, ${told.lost.length} lost; slowest start ${Math.round(told.slowestStartMs)} ms; ` +
      `${stored.orphanBlobs} files wait for the collector`,
  );
  assert.deepEqual([...told.lost, ...walk.problems, ...stored.problems], []);
  assert.ok(told.images > 0 && told.resumed > 0 && walk.manifests >= told.images);
});
