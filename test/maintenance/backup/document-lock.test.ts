import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DocumentStore } from "../../../storage/documents.ts";
import { lockByDocuments } from "../../../src/maintenance/backup/document-lock.ts";
import { waitUntil } from "../../support/wait.ts";

const times = { beatMs: 20, deadAfterMs: 400, lookAgainMs: 10 };

function documentsInMemory(): DocumentStore & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>();
  return {
    texts,
    list: async () => [...texts.keys()],
    read: async (name) => texts.get(name),
    write: async (name, text) => void texts.set(name, text),
    remove: async (name) => void texts.delete(name),
  };
}

const lock = (locks: DocumentStore) => lockByDocuments(locks, "s3://bucket/backup", times);

describe("the lock of a backup in a bucket", () => {
  test("excludes a second run until the first has ended", async () => {
    const locks = documentsInMemory();
    const first = await lock(locks);
    await assert.rejects(lock(locks), /another "berth backup" runs on s3:\/\/bucket\/backup/);
    assert.equal(locks.texts.size, 1);
    assert.equal(first.signal.aborted, false);
    await first.release();
    const second = await lock(locks);
    await second.release();
    assert.equal(locks.texts.size, 0);
  });

  test("never belongs to two runs that begin at the same time", async () => {
    const locks = documentsInMemory();
    const results = await Promise.allSettled([lock(locks), lock(locks), lock(locks)]);
    const held = results.filter(({ status }) => status === "fulfilled");
    assert.ok(held.length <= 1);
  });

  test("is taken from a killed run, and a run that was only paused notices it", async () => {
    const locks = documentsInMemory();
    const paused = await lock(locks);
    // Its renewals do not arrive.
    const write = locks.write.bind(locks);
    const [id = ""] = locks.texts.keys();
    locks.write = async (name, text) => {
      if (name !== id) await write(name, text);
    };
    const next = await lock(locks);
    assert.equal(locks.texts.has(id), false);
    await waitUntil("the paused run notices it", () => paused.signal.aborted);
    await Promise.all([next.release(), paused.release()]);
  });
});
