import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { ulid } from "ulid";
import { collect } from "../../src/maintenance/collector.ts";
import { startMaintenance } from "../../src/maintenance/scheduler.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { Jobs } from "../../src/coordination/jobs.ts";
import { createLeasePolicy } from "../../src/registry/leases.ts";
import { createRegistry } from "../../src/registry/registry.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { pushBlob, startBerth } from "../support/berth.ts";
import { openTestDatabase } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";

const clock = Date.now;
const leaseTimes = { leaseMs: 0, graceMs: 0, deleteDelayMs: 0 };

async function* noSteps(): AsyncGenerator<never> {}

/** A store and a database with `count` blobs that an earlier process has marked deleting. */
async function openWithDeletingBlobs(count: number) {
  const store = createMemoryStore();
  const database = await openTestDatabase();
  const parts = { store, database, clock };
  for (let n = 0; n < count; n += 1) {
    const bytes = Buffer.from(`blob ${n}`);
    const digest = digestOf(bytes);
    await database.commands.storeBlob({
      ...{ repository: parseRepositoryName("team/app"), digest, sizeBytes: bytes.length },
      storageKey: await store.put(digest, bytes),
      ...{ actor: openModeClient, rules, nowMs: clock(), leasedUntilMs: clock(), dueAtMs: clock() },
    });
  }
  const later = createLeasePolicy(clock, { ...leaseTimes, deleteDelayMs: 3_600_000 });
  const collection = { ...parts, leasePolicy: later, graceMs: 0 };
  for await (const _ of collect({ ...collection, deleteUntagged: true, orphans: false }));
  const { blobs } = await database.collection.waiting();
  assert.equal(blobs, count, "all blobs are marked deleting");
  const { uploads } = createRegistry({
    ...parts,
    report: silent,
    sparse: false,
    rules,
    leaseTimes,
  });
  const start = (stepsPerSecond: number) =>
    startMaintenance({
      ...{
        ...parts,
        uploads,
        leaseTimes,
        report: silent,
        audit: { keepMs: undefined, isForwarded: false },
        uploadIdleMs: 3_600_000,
        sessionIdleMs: 3_600_000,
      },
      jobs: new Jobs({ database, clock, report: () => undefined }),
      gc: { deleteUntagged: false, interval: 0, stepsPerSecond },
      scrub: { interval: 0, bytesPerSecond: 0 },
      retention: { interval: 0, run: () => noSteps() },
    });
  const waiting = async (): Promise<number> => (await database.collection.waiting()).blobs;
  return { start, waiting, close: () => database.close() };
}

describe("the deletion of bytes at the start", () => {
  test("begins after the start phase, so that the server does not wait for it, and deletes all due blobs", async (t) => {
    const opened = await openWithDeletingBlobs(20);
    const maintenance = await opened.start(1_000);
    t.after(async () => {
      await maintenance.close();
      await opened.close();
    });
    assert.equal(await opened.waiting(), 20, "no blob is deleted in the start phase");
    await waitUntil("all bytes are deleted", async () => (await opened.waiting()) === 0);
  });

  test("keeps gc.stepsPerSecond, and ends when the server stops", async (t) => {
    const opened = await openWithDeletingBlobs(20);
    t.after(() => opened.close());
    const maintenance = await opened.start(2);
    await waitUntil("the first blob is deleted", async () => (await opened.waiting()) < 20);
    await maintenance.close();
    assert.equal(await opened.waiting(), 19);
  });
});

describe("a server without requests", () => {
  test("deletes an old file without a row in its first collection, although it has not run for a day", async (t) => {
    const times = { "gc.interval": "1s", "gc.lease": "1s", "gc.grace": "1s" };
    const berth = await startBerth(temporaryFolder(), times);
    t.after(() => berth.close());
    const hex = digestOf(Buffer.from("a file without a row")).slice("sha256:".length);
    const folder = path.join(berth.data, "blobs", "sha256", hex.slice(0, 2));
    const file = path.join(folder, `${hex}.${ulid(Date.now() - 2 * 86_400_000)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, "a file without a row");
    await waitUntil("the file is gone", () => !existsSync(file));
  });

  test("stops at once while a scrub reads a blob that takes a minute at scrub.bytesPerSecond", async () => {
    const slow = { "scrub.interval": "1s", "scrub.bytesPerSecond": "64KiB" };
    const berth = await startBerth(temporaryFolder(), slow);
    await pushBlob(berth, "team/app", "x".repeat(4 * 1024 * 1024));
    await waitUntil("the scrub runs", async () => {
      const state = await berth.tables.value("SELECT state FROM jobs WHERE kind = 'scrub'");
      return state === "running";
    });
    const beganAtMs = performance.now();
    await berth.close();
    assert.ok(performance.now() - beganAtMs < 20_000);
  });

  test("verifies its blobs, and answers 404 for a blob whose bytes have changed", async (t) => {
    let log = "";
    const berth = await startBerth(
      temporaryFolder(),
      { "scrub.interval": "1s", "log.level": "info", "log.format": "json" },
      { log: (lines) => (log += lines) },
    );
    t.after(() => berth.close());
    const digest = await pushBlob(berth, "team/app", "right bytes");
    const [, hex = ""] = digest.split(":");
    const folder = path.join(berth.data, "blobs", "sha256", hex.slice(0, 2));
    const [file = ""] = readdirSync(folder);
    writeFileSync(path.join(folder, file), "wrong bytes");
    const blob = `/v2/team/app/blobs/${digest}`;
    await waitUntil(
      "the blob is not shown",
      async () => (await berth.api.head(blob)).status === 404,
    );
    await waitUntil(
      "the log says both",
      () => log.includes("a blob is marked as missing") && log.includes("scrubbed all blobs"),
    );
    const { text } = await berth.api.get("/metrics").expect(200);
    assert.match(text, /^berth_blobs_missing 1$/m);
  });

  test("removes an upload within an hour after limits.uploadExpiry", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const berth = await startBerth(temporaryFolder(), { "limits.uploadExpiry": "1s" });
    t.after(() => berth.close());
    const { headers } = await berth.api.post("/v2/team/app/blobs/uploads/").expect(202);
    const upload = String(headers["location"]);
    await berth.api.get(upload).expect(204);
    await waitUntil("the upload is gone", async () => {
      t.mock.timers.tick(3_600_000);
      return (await berth.api.get(upload)).status === 404;
    });
  });
});
