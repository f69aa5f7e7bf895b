import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { digestOf } from "../../../src/oci/digest.ts";
import { openFilesystemStore } from "../../../storage/filesystem/store.ts";
import { newKey } from "../../../storage/keys.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { waitUntil } from "../../support/wait.ts";
import { chunks, pattern, read } from "../bytes.ts";
import { describeDriver } from "../driver-suite.ts";

const folder = temporaryFolder();

describeDriver("filesystem", () => openFilesystemStore(mkdtempSync(path.join(folder, "store-"))));

describe("filesystem", () => {
  test("a store that is opened again finds its blobs and uploads", async () => {
    const root = mkdtempSync(path.join(folder, "again-"));
    const first = await openFilesystemStore(root);
    const key = await first.put(digestOf(pattern(10)), pattern(10));
    const upload = await first.begin();
    await first.append(upload, 0, chunks(pattern(20), 20));
    await first.close();

    const second = await openFilesystemStore(root);
    assert.deepEqual(await second.stat(key), { sizeBytes: 10 });
    assert.equal(await second.append(upload, 20, chunks(pattern(5), 5)), 25);
  });

  test("an upload that another process has taken over does not get the late bytes of the first one", async () => {
    const root = mkdtempSync(path.join(folder, "taken-"));
    const early = pattern(2_000_000);
    const [paused, next] = [await openFilesystemStore(root), await openFilesystemStore(root)];
    const upload = await paused.begin();
    await next.takeOver(upload);
    assert.equal(await next.uploadSize(upload), 0);
    let resume = (): void => undefined;
    const resumed = new Promise<void>((resolve) => (resume = resolve));
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield early;
      await resumed;
      yield Buffer.alloc(100_000, "late");
    };
    const late = paused.append(upload, 0, source());
    await waitUntil("it writes", async () => (await next.uploadSize(upload)) === early.length);
    await next.takeOver(upload);
    await next.append(upload, early.length, chunks(pattern(1_000), 100));
    resume();
    assert.equal(await late, early.length + 100_000);
    const whole = Buffer.concat([early, pattern(1_000)]);
    const key = await next.commit(upload, digestOf(whole));
    assert.ok((await read(await next.open(key))).equals(whole));
    assert.deepEqual(readdirSync(path.join(root, "uploads")), []);
  });

  test("a read of a blob whose file was truncated throws", async () => {
    const root = mkdtempSync(path.join(folder, "cut-"));
    const store = await openFilesystemStore(root);
    const key = await store.put(digestOf(pattern(300_000)), pattern(300_000));
    truncateSync(path.join(root, key), 200_000);
    await assert.rejects(
      async () => read(await store.open(key, { start: 0, end: 299_999 })),
      /ends at byte 200000/,
    );
  });

  test("a blob that is deleted during reads has no new reader, and the readers before get all bytes", async () => {
    const store = await openFilesystemStore(mkdtempSync(path.join(folder, "deleted-")));
    const bytes = pattern(1_000_000);
    const key = await store.put(digestOf(bytes), bytes);
    const range = { start: 0, end: bytes.length - 1 };
    // The first reader reads alone. Later ones share a read.
    const readers = [await store.open(key, range), await store.open(key, range)];
    await store.delete(key);
    assert.equal(await store.open(key, range), undefined);
    for (const reader of readers) assert.equal(Buffer.compare(await read(reader), bytes), 0);
  });

  test("an open upload is read from the given byte on", async () => {
    const store = await openFilesystemStore(mkdtempSync(path.join(folder, "from-")));
    const upload = await store.begin();
    await store.append(upload, 0, chunks(pattern(100), 100));
    const rest = await read(await store.openUpload(upload, 60));
    assert.equal(Buffer.compare(rest, pattern(100).subarray(60)), 0);
  });

  test("files of other names are listed neither as blobs nor as uploads", async () => {
    const root = mkdtempSync(path.join(folder, "foreign-"));
    const store = await openFilesystemStore(root);
    const key = await store.put(digestOf(pattern(10)), pattern(10));
    writeFileSync(path.join(root, path.dirname(key), "notes.txt"), "x");
    writeFileSync(path.join(root, "uploads", "notes.txt"), "x");
    const keys: string[] = [];
    for await (const object of store.list()) keys.push(object.key);
    assert.deepEqual(keys, [key]);
    for await (const upload of store.listUploads()) assert.fail(upload);
  });

  test("the identity is the id that claimed the store, also after it is opened again", async () => {
    const root = mkdtempSync(path.join(folder, "claimed-"));
    const store = await openFilesystemStore(root);
    assert.equal(await store.identity(), undefined);
    await store.claim("an id");
    assert.equal(await (await openFilesystemStore(root)).identity(), "an id");
  });

  test("keys and references that the driver did not create are rejected, so no path leaves the folder", async () => {
    const store = await openFilesystemStore(mkdtempSync(path.join(folder, "keys-")));
    for (const key of [
      "../../etc/passwd",
      "blobs/sha256/ab/../../../x",
      "blobs/sha256/ab/abcd",
      "",
    ]) {
      await assert.rejects(async () => store.stat(key), TypeError);
      await assert.rejects(async () => store.delete(key), TypeError);
    }
    for (const upload of ["../x", "", "a/b"])
      await assert.rejects(async () => store.uploadSize(upload), TypeError);
  });

  test("a store whose uploads and blobs are on different file systems is rejected at the start", async (t) => {
    const root = mkdtempSync(path.join(folder, "devices-"));
    let elsewhere: string;
    try {
      elsewhere = mkdtempSync("/dev/shm/berth-");
    } catch {
      return t.skip("needs a second file system at /dev/shm");
    }
    t.after(() => rmSync(elsewhere, { recursive: true }));
    mkdirSync(path.join(root, "blobs"));
    symlinkSync(elsewhere, path.join(root, "uploads"));
    await assert.rejects(openFilesystemStore(root), /must lie on one file system/);
  });

  test("a store whose free space is all reserved rejects put, append, import and probe with ENOSPC, and keeps no bytes", async () => {
    const root = mkdtempSync(path.join(folder, "full-"));
    const store = await openFilesystemStore(root, { kind: "percent", percent: 100 });
    const bytes = pattern(10);
    const digest = digestOf(bytes);
    const full = { code: "ENOSPC" };
    const upload = await store.begin();
    await assert.rejects(store.put(digest, bytes), full);
    await assert.rejects(store.append(upload, 0, chunks(bytes, 5)), full);
    await assert.rejects(store.importBlob(newKey(digest), chunks(bytes, 5)), full);
    await assert.rejects(store.probe(), full);
    assert.equal(await store.uploadSize(upload), 0);
    for await (const object of store.list()) assert.fail(object.key);
  });

  test("a store opens and is probed while another process deletes uploads that have no session", async () => {
    const root = mkdtempSync(path.join(folder, "orphans-"));
    const store = await openFilesystemStore(root);
    const ending = new AbortController();
    const deletes = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        for await (const upload of store.listUploads()) await store.abort(upload);
        await pause(1);
      }
    };
    const deleting = deletes();
    try {
      for (let turn = 0; turn < 100; turn += 1) {
        await store.probe();
        await (await openFilesystemStore(root)).close();
      }
    } finally {
      ending.abort();
      await deleting;
      await store.close();
    }
  });

  test("put and probe leave no file in the uploads folder", async () => {
    const root = mkdtempSync(path.join(folder, "tidy-"));
    const store = await openFilesystemStore(root);
    await store.put(digestOf(pattern(1)), pattern(1));
    await store.probe();
    assert.deepEqual(readdirSync(path.join(root, "uploads")), []);
  });
});
