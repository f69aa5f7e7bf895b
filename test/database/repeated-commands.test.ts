import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { createCommands, type CommandInput } from "../../src/database/commands.ts";
import type { Database } from "../../src/database/contract.ts";
import { digestOf, type Digest } from "../../src/oci/digest.ts";
import { createRegistry } from "../../src/registry/registry.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { openTestDatabase } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";
import { isCode, named } from "../registry/support.ts";

const repository = named("team/app");
const times = { nowMs: 1_000, leasedUntilMs: 2_000, dueAtMs: 3_000 };
const bytes = Buffer.from("a layer");
const digest = digestOf(bytes);

const blobAt = (storageKey: string, more: object = {}): CommandInput<"storeBlob"> => ({
  ...{ actor: openModeClient, rules, repository, digest, sizeBytes: bytes.length, storageKey },
  ...times,
  ...more,
});

async function openUpload(database: Database, id: string): Promise<void> {
  const row = { id, repository, storage_reference: id, started_at: 1, touched_at: 1 };
  await database.commands.startUpload({ ...row, account_id: null });
}

/** Runs the command twice, as after a lost answer, and returns both answers. */
const twice = async <Answer>(command: () => Promise<Answer>): Promise<[Answer, Answer]> => [
  await command(),
  await command(),
];

describe("a repeated command is safe, because its caller deletes bytes on the answer", () => {
  test("storeBlob of a new digest answers stored twice, with and without an upload", async () => {
    const database = await openTestDatabase();
    assert.deepEqual(await twice(() => database.commands.storeBlob(blobAt("a"))), [
      "stored",
      "stored",
    ]);
    await database.commands.quarantineBlob({ storageKey: "a" });
    await openUpload(database, "upload");
    const healed = blobAt("b", { uploadId: "upload" });
    assert.deepEqual(await twice(() => database.commands.storeBlob(healed)), ["stored", "stored"]);
    assert.equal((await database.blobs.find(repository, digest))?.storageKey, "b");
  });

  test("storeBlob of a known digest answers duplicate twice", async () => {
    const database = await openTestDatabase();
    await database.commands.storeBlob(blobAt("a"));
    await openUpload(database, "upload");
    const second = blobAt("b", { uploadId: "upload" });
    assert.deepEqual(await twice(() => database.commands.storeBlob(second)), [
      "duplicate",
      "duplicate",
    ]);
  });

  test("storeBlob answers stored again after its blob is unlinked, and does not link it again", async () => {
    const database = await openTestDatabase();
    await openUpload(database, "upload");
    const input = blobAt("a", { uploadId: "upload" });
    assert.equal(await database.commands.storeBlob(input), "stored");
    await database.commands.unlinkBlob({ actor: openModeClient, repository, digest, nowMs: 2_000 });
    assert.equal(await database.commands.storeBlob(input), "stored");
    assert.equal(await database.blobs.find(repository, digest), undefined);
  });

  test("storeBlob of an upload that another request has ended answers gone twice", async () => {
    const database = await openTestDatabase();
    const input = blobAt("a", { uploadId: "ended" });
    assert.deepEqual(await twice(() => database.commands.storeBlob(input)), ["gone", "gone"]);
  });

  test("storeBlob beyond the quota is rejected twice, and the upload stays open", async () => {
    const database = await openTestDatabase();
    await openUpload(database, "upload");
    const full = { ...rules, defaultQuotaBytes: 1 };
    const input = blobAt("a", { uploadId: "upload", rules: full });
    const [first, second] = await twice(() => database.commands.storeBlob(input));
    assert.deepEqual(second, first);
    assert.ok(await database.uploads.find("upload"));
  });

  test("storeMirrorBlob answers stored twice", async () => {
    const database = await openTestDatabase();
    const place = { repository, reference: digest, owner: "process" };
    const fetch = { ...place, storageReference: "a", nowMs: 1, takesFrom: undefined };
    await database.commands.beginMirrorFetch(fetch);
    const input = { ...blobAt("a"), owner: "process" };
    assert.deepEqual(await twice(() => database.commands.storeMirrorBlob(input)), [
      "stored",
      "stored",
    ]);
  });

  test("a second dropBlob changes nothing, and a second endUpload answers false", async () => {
    const database = await openTestDatabase();
    await database.commands.storeBlob(blobAt("a"));
    const blob = await database.blobs.find(repository, digest);
    await database.commands.dropBlob({ id: 1 });
    await database.commands.dropBlob({ id: 1 });
    assert.deepEqual(await database.blobs.find(repository, digest), blob);
    await openUpload(database, "upload");
    assert.deepEqual(await twice(() => database.commands.endUpload({ id: "upload" })), [
      true,
      false,
    ]);
  });
});

describe("a registry whose commands all run twice", () => {
  const open = async (quotaBytes: number | null = null) => {
    const store = createMemoryStore();
    const database = await openTestDatabase();
    const doubled: Database = {
      ...database,
      commands: createCommands(async (name, input) => {
        await database.writer.run(name, input);
        return await database.writer.run(name, input);
      }),
    };
    const registry = createRegistry({
      ...{ store, database: doubled, report: silent, clock: Date.now, sparse: false },
      rules: { ...rules, defaultQuotaBytes: quotaBytes },
      leaseTimes: { leaseMs: 1_000, graceMs: 1_000, deleteDelayMs: 0 },
    });
    const push = async (content: Buffer): Promise<Digest> => {
      const pushed = digestOf(content);
      const source = Readable.from([content]);
      const chunk = { source, lengthBytes: content.length, range: undefined };
      await registry.uploads.pushWhole(openModeClient, repository, pushed, chunk);
      return pushed;
    };
    const pull = async (wanted: Digest): Promise<Buffer> => {
      const blob = await registry.blobs.get(repository, wanted);
      const range = { start: 0, end: blob.sizeBytes - 1 };
      const pieces: Buffer[] = [];
      for await (const piece of await registry.blobs.open(blob, range))
        pieces.push(Buffer.from(piece));
      return Buffer.concat(pieces);
    };
    return { store, database, push, pull };
  };

  for (const [what, sizeBytes] of [
    ["a small blob", 100],
    ["a large blob", 300 * 1024],
  ] as const) {
    test(`returns the bytes of ${what} after one push and after two pushes`, async () => {
      const { push, pull } = await open();
      const content = randomBytes(sizeBytes);
      const pushed = await push(content);
      assert.deepEqual(await pull(pushed), content);
      await push(content);
      assert.deepEqual(await pull(pushed), content);
    });
  }

  test("keeps neither bytes nor an upload of a push beyond the quota", async () => {
    const { store, database, push } = await open(10);
    await assert.rejects(push(randomBytes(300 * 1024)), isCode("DENIED"));
    for await (const { key } of store.list()) assert.fail(`${key} is still there`);
    assert.deepEqual(await database.uploads.idleSince(Number.MAX_SAFE_INTEGER, 10), []);
  });
});
