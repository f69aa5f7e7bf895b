import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, openSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { contentOf } from "../crash/content.ts";
import { createLedger } from "../crash/ledger.ts";
import { losses } from "../crash/losses.ts";
import { octets } from "../crash/uploader.ts";
import { waitUntil } from "../support/wait.ts";
import { berthCommand, startBerth, type Berth } from "./support/berth.ts";
import { misanswered, tryAllWays } from "./support/requests.ts";
import { newFolder } from "./support/scratch.ts";
import { run } from "./support/shell.ts";

const MiB = 2 ** 20;
const settings = { env: { BERTH_GC_GRACE: "0s", BERTH_GC_LEASE: "1s", BERTH_GC_INTERVAL: "0s" } };

/** Mounts a tmpfs of this size for a data folder. */
async function smallDisk(mebibytes: number): Promise<{
  readonly data: string;
  readonly fill: () => Promise<void>;
  readonly empty: () => Promise<void>;
}> {
  const point = newFolder("full-disk");
  await run("mount", "-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", point);
  const filler = path.join(point, "filler");
  return {
    data: path.join(point, "data"),
    // Writes until no free block is left.
    fill: async () =>
      void (await run("dd", "if=/dev/zero", `of=${filler}`, "bs=4k", "status=none").catch(
        () => undefined,
      )),
    empty: () => rm(filler),
  };
}

const hasReserve = (data: string): boolean => existsSync(path.join(data, "reserve"));

/** Opens an upload session and returns its location. */
async function begin({ wire }: Berth): Promise<string> {
  const { status, headers } = await wire.send("POST", "/v2/team/app/blobs/uploads/");
  assert.equal(status, 202);
  return headers.location ?? "";
}

test("a push above the free space gets 507, its bytes are deleted, and the next push succeeds", async () => {
  const { data } = await smallDisk(96);
  const berth = await startBerth(data);
  const location = await begin(berth);
  const tooLarge = Buffer.alloc(120 * MiB, 1);
  const { status } = await berth.wire.send("PATCH", location, { body: tooLarge, headers: octets });
  assert.equal(status, 507);
  assert.deepEqual(readdirSync(path.join(data, "uploads")), []);
  assert.equal((await berth.wire.send("GET", location)).status, 404);
  const attempts = await tryAllWays(berth.wire, createLedger(), "after");
  assert.deepEqual(misanswered(attempts, []), []);
  await berth.stop();
});

test("a server on a full disk starts, serves pulls and deletes, allows berth gc, and ends on SIGTERM", async () => {
  const { data, fill, empty } = await smallDisk(96);
  const ledger = createLedger();
  let berth = await startBerth(data, settings);
  await tryAllWays(berth.wire, ledger, "before");
  await tryAllWays(berth.wire, ledger, "kept");
  await waitUntil("the reserve file is there", () => hasReserve(data));
  await berth.stop();
  await fill();

  berth = await startBerth(data, settings);
  assert.deepEqual(await losses(berth.wire, ledger), []);
  const refused = await tryAllWays(berth.wire, ledger, "meanwhile");
  assert.deepEqual(misanswered(refused, [507]), []);
  const pushes = refused.filter(({ way }) => /bytes|PATCH|manifest/.test(way));
  assert.deepEqual(
    pushes.filter(({ answer }) => answer.status < 300).map(({ way }) => way),
    [],
  );
  const [image] = ledger.images.splice(0, 1);
  const manifest = `/v2/${image?.repository}/manifests/${image?.digest}`;
  assert.equal((await berth.wire.send("DELETE", manifest)).status, 202);
  // The collector may delete blobs that no manifest references.
  ledger.blobs.splice(0);
  const gc = await berthCommand("gc", "--now", "--data", data);
  assert.match(gc.printed, /freed [1-9].*: 0 manifests, [1-9]/);
  // `stop` checks that the exit code is 0.
  await begin(berth);
  await berth.stop();

  await empty();
  berth = await startBerth(data, settings);
  assert.deepEqual(await losses(berth.wire, ledger), []);
  assert.deepEqual(misanswered(await tryAllWays(berth.wire, ledger, "afterwards"), []), []);
  await waitUntil("there is a reserve file again", () => hasReserve(data));
  await berth.stop();
});

test("on a full disk berth upload list shows an abandoned upload, and berth upload delete deletes it", async () => {
  const { data, fill } = await smallDisk(96);
  const berth = await startBerth(data);
  const location = await begin(berth);
  const body = contentOf("left alone", 5 * MiB);
  assert.equal((await berth.wire.send("PATCH", location, { body, headers: octets })).status, 202);
  await waitUntil("the reserve file is there", () => hasReserve(data));
  await fill();
  const listed = await berthCommand("upload", "list", "--json", "--data", data);
  const { id, repository, bytes } = JSON.parse(listed.printed) as Record<string, unknown>;
  assert.deepEqual({ repository, bytes }, { repository: "team/app", bytes: 5 * MiB });
  const deleted = await berthCommand("upload", "delete", String(id), "--data", data);
  assert.deepEqual(deleted, { code: 0, printed: `deleted ${String(id)}\n` });
  assert.deepEqual(readdirSync(path.join(data, "uploads")), []);
  assert.equal((await berth.wire.send("GET", location)).status, 404);
  const again = await berthCommand("upload", "delete", String(id), "--data", data);
  assert.equal(again.code, 1);
  await berth.stop();
});

test("a command whose output does not fit on the disk exits with 1 and a one-line error", async () => {
  const { data, fill } = await smallDisk(32);
  const berth = await startBerth(data);
  await berth.stop();
  await fill();
  const output = openSync(path.join(path.dirname(data), "output"), "w");
  const { status, stderr } = spawnSync(process.execPath, ["dist/main.js", "config", "print"], {
    stdio: ["ignore", output, "pipe"],
    encoding: "utf8",
  });
  assert.equal(stderr, "berth: cannot write the output: the disk is full\n");
  assert.equal(status, 1);
});
