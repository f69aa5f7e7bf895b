import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createMemoryStore } from "../../../storage/memory/store.ts";
import { BlobDownload, type BlobDownloadParts } from "../../../src/mirror/pull/blob-download.ts";
import type { OpenedSource } from "../../../src/mirror/pull/sources.ts";
import { readPartialBlob } from "../../../src/mirror/pull/partial-blob.ts";
import { createEventLoopScheduler } from "../../../src/mirror/pull/event-loop-scheduler.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { newGate } from "../client.ts";

const MiB = 1024 * 1024;

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function begin(bytes: Buffer, more: Partial<BlobDownloadParts>) {
  const store = createMemoryStore();
  const discarded = { count: 0 };
  const open = (start: number): Promise<OpenedSource> =>
    Promise.resolve({
      ...{ start, sizeBytes: bytes.length, bytes: pieces(bytes.subarray(start)) },
      discard: () => void (discarded.count += 1),
    });
  const download = new BlobDownload({
    ...{ store, open, digest: digestOf(bytes), expectedBytes: undefined, before: undefined },
    ...{ unnamedBytesAtMost: Infinity, isWorthKeeping: () => true },
    upload: await store.begin(),
    record: ({ storageKey }) => Promise.resolve(storageKey),
    count: () => undefined,
    ...more,
  });
  return { store, download, discarded };
}

describe("a download", () => {
  const bytes = Buffer.alloc(9 * MiB, "one of many bytes ");

  test("whose row can't be stored fails, and a reader that is far behind gets the same error", async () => {
    const gate = newGate();
    const record = async (): Promise<string> => {
      await gate.until;
      throw new Error("the database is full");
    };
    const { store, download } = await begin(bytes, { record });
    const growing = readPartialBlob(
      store,
      download.partialBlob,
      { start: 0, end: bytes.length - 1 },
      createEventLoopScheduler(),
    );
    const reader = growing[Symbol.asyncIterator]();
    await reader.next();
    gate.open();
    await assert.rejects(download.done, /the database is full/);
    const rest = async (): Promise<void> => {
      while ((await reader.next()).done !== true);
    };
    await assert.rejects(rest(), /the database is full/);
  });

  test("whose source has another size than the manifest says fails and discards the source", async () => {
    const { download, discarded } = await begin(bytes, { expectedBytes: 5 });
    await assert.rejects(download.done, /has 9437184 bytes, not 5/);
    assert.equal(discarded.count, 1);
  });

  test("whose bytes have all arrived before is completed without a request to the upstream", async () => {
    const store = createMemoryStore();
    const before = await store.begin();
    await store.append(before, 0, pieces(bytes));
    const open = () => Promise.reject(new Error("it was asked for"));
    const parts = { store, before, open, expectedBytes: bytes.length };
    const { download } = await begin(bytes, { ...parts, upload: await store.begin() });
    const key = await download.done;
    assert.deepEqual(await store.stat(key), { sizeBytes: bytes.length });
  });
});
