import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { berth as run } from "../cli/support.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";
import { createRandom } from "./content.ts";
import { walkRegistry } from "./invariants.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { load } from "./load.ts";
import { losses } from "./losses.ts";
import { pushImage } from "./pusher.ts";
import { startServer } from "./server.ts";

/** Deletes the bytes of a blob at once when it has lost its last user, unless a backup runs. */
const collecting = {
  BERTH_GC_GRACE: "0s",
  BERTH_GC_DELETE_DELAY: "0s",
  BERTH_GC_INTERVAL: "200ms",
  BERTH_GC_STEPS_PER_SECOND: "5000",
};
const doomedRepositories = 4;
const loadMs = 1_500;

/** What was acknowledged until now. */
const copyOf = ({ images, deleted }: Ledger): Pick<Ledger, "images" | "deleted"> => ({
  images: [...images],
  deleted: [...deleted],
});

test("after a disaster a backup that was made under load restores every image acknowledged before it", async (t) => {
  const folder = temporaryFolder();
  const [data, backup] = [path.join(folder, "data"), path.join(folder, "backup")];
  const seed = String(Date.now());
  const server = await startServer(data, collecting);
  const ledger = createLedger();
  const push = async (into: Ledger, repository: string): Promise<void> => {
    const name = `${seed}-${repository.replace("/", "-")}-${into.images.length}`;
    await pushImage(
      { wire: server.wire, ledger: into, name, repository },
      createRandom(name),
      name,
    );
  };
  // No client deletes them.
  const lasting = createLedger();
  for (let image = 0; image < 8; image += 1) await push(lasting, "lasting/app");
  // Their repositories are deleted while the backup runs.
  const doomed = createLedger();
  for (let index = 0; index < doomedRepositories; index += 1)
    await push(doomed, `doomed/r${index}`);
  const ended = load({ wire: server.wire, ledger, name: seed, mixed: true });
  ended.catch(() => undefined);
  await waitUntil("images are pushed", () => ledger.images.length > 10);

  const points = [];
  for (const round of [1, 2]) {
    const before = copyOf(ledger);
    const remove = async (): Promise<void> => {
      for (let index = round - 1; index < doomedRepositories; index += 2) {
        const name = `doomed/r${index}`;
        const { code, stderr } = await run(["repo", "delete", name, "--yes", "--data", data]);
        assert.equal(code, 0, stderr);
      }
    };
    const began = performance.now();
    const [made] = await Promise.all([
      run(["backup", "create", backup, "--data", data, "--json"]),
      remove(),
    ]);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    const point = JSON.parse(made.stdout) as { id: string; blobs: number; new_blobs: number };
    points.push({ ...point, before, ms: Math.round(performance.now() - began) });
    await pause(loadMs);
  }

  await server.kill();
  await ended;
  rmSync(data, { recursive: true });
  const verified = await run(["backup", "verify", backup]);
  assert.deepEqual([verified.stdout, verified.code], ["2 points: no errors\n", 0], verified.stderr);

  for (const { id, before, blobs, new_blobs, ms } of points) {
    const target = path.join(folder, id);
    const restored = await run(["restore", backup, "--point", id, "--data", target]);
    assert.equal(restored.code, 0, restored.stdout + restored.stderr);
    const checked = await run(["check", "--data", target]);
    assert.equal(checked.stdout, "no errors\n", checked.stderr);
    const again = await startServer(target);
    // Clients may have deleted an image after the ledger was copied, and before the point.
    const untouched = before.images.filter((image) => ledger.images.includes(image));
    const kept = [...lasting.images, ...untouched];
    const { deleted } = before;
    const held: Ledger = { ...createLedger(), images: kept, deleted };
    assert.deepEqual(await losses(again.wire, held, { collected: true }), []);
    assert.deepEqual((await walkRegistry(again.wire)).problems, []);
    await again.kill();
    t.diagnostic(
      `seed ${seed}: ${blobs} blobs, ${new_blobs} new, in ${ms} ms; ${kept.length} images and ${deleted.length} deletions acknowledged before, 0 lost`,
    );
  }
  assert.ok((points[1]?.new_blobs ?? 0) < (points[1]?.blobs ?? 0));
});
