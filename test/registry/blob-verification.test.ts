import assert from "node:assert/strict";
import { readdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { recentBytes } from "../../src/registry/recent-blobs.ts";
import { createRegistry } from "../../src/registry/registry.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { berth as run } from "../cli/support.ts";
import { pushBlob, startBerth, type TestBerth } from "../support/berth.ts";
import { openTestDatabase } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { waitUntil } from "../support/wait.ts";
import { chunkOf, isCode, named } from "./support.ts";

// A smaller blob would be in memory since its push.
const content = "bytes that are away for a moment".padEnd(recentBytes + 1);
const digest = digestOf(Buffer.from(content));

function fileOf(data: string, wanted: Digest): string {
  const folder = path.join(data, "blobs", "sha256", wanted.slice(7, 9));
  const name = readdirSync(folder).find((file) => file.startsWith(wanted.slice(7)));
  return path.join(folder, name ?? "no such file");
}

/** Pushes a blob to team/app and moves its file away while a client requests it. */
async function loseForAMoment(berth: TestBerth): Promise<{ readonly bringBack: () => void }> {
  await pushBlob(berth, "team/app", content);
  const file = fileOf(berth.data, digest);
  const away = path.join(berth.data, "away");
  renameSync(file, away);
  await berth.api.get(`/v2/team/app/blobs/${digest}`).expect(404);
  return { bringBack: () => renameSync(away, file) };
}

const isThere = async (berth: TestBerth): Promise<boolean> =>
  (await berth.api.get(`/v2/team/app/blobs/${digest}`)).status === 200;

describe("a blob whose file was missing for a moment", () => {
  test("is restored by the next start", async () => {
    const berth = await startBerth(temporaryFolder());
    try {
      const { bringBack } = await loseForAMoment(berth);
      bringBack();
      assert.equal(await isThere(berth), false);
      await berth.restart();
      await waitUntil("the blob is shown again", () => isThere(berth));
    } finally {
      await berth.close();
    }
  });

  test("stays missing after a start if its file has other bytes", async () => {
    const berth = await startBerth(temporaryFolder());
    try {
      const { bringBack } = await loseForAMoment(berth);
      bringBack();
      writeFileSync(fileOf(berth.data, digest), content.toUpperCase());
      await berth.restart();
      const { code, stdout } = await run(["check", "--repair", "--data", berth.data]);
      assert.match(stdout, /marked as missing; push it again/);
      assert.equal(code, 1);
      assert.equal(await isThere(berth), false);
    } finally {
      await berth.close();
    }
  });

  for (const [command, said] of [
    [["check", "--repair"], /its bytes are there; restored it/],
    [["scrub"], /restored: sha256:[0-9a-f]{64}/],
  ] as const) {
    test(`is restored by berth ${command.join(" ")}`, async () => {
      const berth = await startBerth(temporaryFolder());
      try {
        const { bringBack } = await loseForAMoment(berth);
        bringBack();
        const { code, stdout } = await run([...command, "--data", berth.data]);
        assert.match(stdout, said);
        assert.equal(code, 0);
        assert.equal(await isThere(berth), true);
      } finally {
        await berth.close();
      }
    });
  }

  test("is logged once at level warn with its digest", async () => {
    const warnings: object[] = [];
    const store = createMemoryStore();
    const { uploads, blobs } = createRegistry({
      ...{ store, database: await openTestDatabase(), clock: Date.now, sparse: false, rules },
      leaseTimes: { leaseMs: 1_000, graceMs: 1_000, deleteDelayMs: 0 },
      report: { ...silent, warn: (facts: object) => void warnings.push(facts) },
    });
    const repository = named("team/app");
    await uploads.pushWhole(openModeClient, repository, digest, chunkOf(content));
    const blob = await blobs.get(repository, digest);
    await store.delete(blob.storageKey);
    const range = { start: 0, end: content.length - 1 };
    for (const _ of [1, 2]) await assert.rejects(blobs.open(blob, range), isCode("BLOB_UNKNOWN"));
    const { storageKey } = blob;
    assert.deepEqual(warnings, [{ digest, storageKey, reason: "a pull found no bytes" }]);
  });
});
