import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { matchInstance, MismatchError, recover } from "../../src/maintenance/recovery.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { openTestDatabase } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";

const repository = parseRepositoryName("team/app");
const clock = Date.now;

async function openParts() {
  return { store: createMemoryStore(), database: await openTestDatabase(), clock, report: silent };
}

async function storeBlob(
  { store, database }: Awaited<ReturnType<typeof openParts>>,
  content: string,
) {
  const bytes = Buffer.from(content);
  const digest = digestOf(bytes);
  const storageKey = await store.put(digest, bytes);
  const times = {
    actor: openModeClient,
    rules,
    nowMs: clock(),
    leasedUntilMs: clock(),
    dueAtMs: clock(),
  };
  const blob = { repository, digest, sizeBytes: bytes.length, storageKey, ...times };
  await database.commands.storeBlob(blob);
  return blob;
}

describe("opening a data folder", () => {
  test("writes the database's id to an empty store, and accepts that store on the next start", async () => {
    const parts = await openParts();
    await matchInstance(parts);
    const instance = await parts.database.instance.get();
    assert.equal(await parts.store.identity(), instance?.id);
    await matchInstance(parts);
  });

  test("writes an id to a store that has blobs but no id", async () => {
    const parts = await openParts();
    await storeBlob(parts, "old");
    await matchInstance(parts);
    assert.ok(await parts.store.identity());
  });

  test("finishes a first start that was interrupted between the store's id and the database row", async () => {
    const parts = await openParts();
    await parts.store.claim("half");
    await matchInstance(parts);
    assert.equal((await parts.database.instance.get())?.id, "half");
  });

  test("finishes a first start on a store with blobs that was interrupted at the same point", async () => {
    const parts = await openParts();
    await storeBlob(parts, "old");
    await parts.store.claim("half");
    await matchInstance(parts);
    assert.equal((await parts.database.instance.get())?.id, "half");
  });

  test("rejects a store without an id and suggests that the volume is not mounted", async () => {
    const parts = await openParts();
    await matchInstance(parts);
    await assert.rejects(
      matchInstance({ ...parts, store: createMemoryStore() }),
      /volume is mounted/,
    );
  });

  test("rejects the store of another database, for a new and for an existing database", async () => {
    const theirs = await openParts();
    await matchInstance(theirs);
    await storeBlob(theirs, "theirs");
    const ours = await openParts();
    await assert.rejects(matchInstance({ ...ours, store: theirs.store }), MismatchError);
    const older = await openParts();
    await storeBlob(older, "of a folder from before marks");
    await assert.rejects(matchInstance({ ...older, store: theirs.store }), MismatchError);
    await matchInstance(ours);
    await assert.rejects(matchInstance({ ...ours, store: theirs.store }), /do not belong together/);
  });

  test("checks no blobs after a clean stop", async () => {
    const parts = await openParts();
    await matchInstance(parts);
    await storeBlob(parts, "a");
    assert.equal(await recover(parts), undefined);
    await parts.database.commands.checkpoint({ checkpointedAtMs: clock(), cleanStop: true });
    assert.equal(await recover(parts), undefined);
  });

  test("after a crash quarantines blobs that are missing or have another size; a push restores one", async () => {
    const parts = await openParts();
    await matchInstance(parts);
    await recover(parts);
    const whole = await storeBlob(parts, "whole");
    const gone = await storeBlob(parts, "gone");
    const cut = await storeBlob(parts, "cut short");
    await parts.store.delete(gone.storageKey);
    const shortened = {
      ...parts.store,
      stat: async (key: string) =>
        key === cut.storageKey ? { sizeBytes: 3 } : parts.store.stat(key),
    };
    assert.deepEqual(await recover({ ...parts, store: shortened }), { checked: 3, quarantined: 2 });
    assert.ok(await parts.database.blobs.find(repository, whole.digest));
    for (const { digest } of [gone, cut]) {
      assert.equal(await parts.database.blobs.find(repository, digest), undefined);
    }
    const healed = await storeBlob(parts, "gone");
    assert.equal(
      (await parts.database.blobs.find(repository, gone.digest))?.storageKey,
      healed.storageKey,
    );
    assert.deepEqual(await recover(parts), { checked: 1, quarantined: 0 });
  });
});
