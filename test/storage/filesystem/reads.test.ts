import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import type { BlobKey, BorrowedBytes } from "../../../storage/blob-store.ts";
import { createFileReads } from "../../../storage/filesystem/reads.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = temporaryFolder();
const MiB = 1024 * 1024;
const key = "blob" as BlobKey;

/** Reads of one file, and the number of times that the file was opened. */
function readsOf(name: string, bytes: Uint8Array) {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  const opens = { count: 0, failure: undefined as Error | undefined };
  const reads = createFileReads(async () => {
    opens.count += 1;
    if (opens.failure !== undefined) throw opens.failure;
    return await open(file, "r");
  });
  const read = async (start: number, end: number, pauseMs = 0): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for await (const piece of (await reads.open(key, { start, end })) as BorrowedBytes) {
      // Borrowed: the bytes are valid until the reader requests the next chunk.
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pieces.push(Buffer.from(piece));
    }
    return Buffer.concat(pieces);
  };
  return { file, reads, read, opens };
}

describe("readers of one blob", () => {
  const bytes = randomBytes(6 * MiB + 5);
  const end = bytes.length - 1;

  test("open the file only twice for 100 concurrent reads, and each reader gets all bytes", async () => {
    const { read, opens } = readsOf("herd", bytes);
    const all = await Promise.all(Array.from({ length: 100 }, () => read(0, end)));
    assert.equal(all.filter((one) => Buffer.compare(one, bytes) === 0).length, 100);
    assert.equal(opens.count, 2);
  });

  test("get the right bytes when some of them are slow or read a range", async () => {
    const { read } = readsOf("mixed", bytes);
    const parts = [
      [0, end, 0],
      [0, end, 5],
      [3 * MiB, end, 1],
      [1, MiB, 0],
      [end - 10, end, 0],
      [0, end, 20],
    ] as const;
    const found = await Promise.all(parts.map(([from, to, pauseMs]) => read(from, to, pauseMs)));
    for (const [index, [from, to]] of parts.entries())
      assert.equal(
        Buffer.compare(found[index] ?? Buffer.alloc(0), bytes.subarray(from, to + 1)),
        0,
      );
  });

  test("get an error for a truncated file, and a later reader reads the file again", async () => {
    const { file, read } = readsOf("short", bytes);
    truncateSync(file, 2 * MiB);
    const failed = await Promise.allSettled([read(0, end), read(0, end), read(0, end)]);
    for (const one of failed)
      assert.match(String(one.status === "rejected" && one.reason), /ends at byte 2097152/);
    writeFileSync(file, bytes);
    assert.equal(Buffer.compare(await read(0, end), bytes), 0);
  });

  test("get EMFILE if the file can't be opened, not the answer for a missing blob", async () => {
    const { read, opens } = readsOf("closed", bytes);
    opens.failure = Object.assign(new Error("too many open files"), { code: "EMFILE" });
    const failed = await Promise.allSettled([read(0, end), read(0, end)]);
    assert.deepEqual(
      failed.map((one) => one.status === "rejected" && (one.reason as { code: string }).code),
      ["EMFILE", "EMFILE"],
    );
    opens.failure = undefined;
    assert.equal(Buffer.compare(await read(0, end), bytes), 0);
  });
});
