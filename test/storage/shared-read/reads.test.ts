import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { ByteRange, BorrowedBytes } from "../../../storage/blob-store.ts";
import { createReadBuffers } from "../../../storage/shared-read/buffers.ts";
import { createSharedReads } from "../../../storage/shared-read/reads.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { startS3Stub, type Fault, type S3Stub } from "../../support/s3/stub.ts";
import { pattern, read } from "../bytes.ts";
import { impatience, settingsFor } from "../s3/settings.ts";

const MiB = 2 ** 20;

// The driver itself reads from plain `http:` endpoints, in lower case only. `HTTP:` is read by the SDK.
for (const [reader, scheme] of [
  ["plainly", "http:"],
  ["by the SDK", "HTTP:"],
] as const)
  describe(`concurrent reads of one object, ${reader}`, () => {
    let stub: S3Stub;
    let store: ReturnType<typeof createS3Store>;
    beforeEach(async () => {
      stub = await startS3Stub();
      store = createS3Store(settingsFor(stub.endpoint.replace("http:", scheme)), impatience);
    });
    afterEach(async () => {
      await store.close();
      await stub.close();
    });

    const gets = (): number => stub.requests.filter(({ operation }) => operation === "get").length;
    const faultOfFirstGets = (fault: Fault, times: number): void => {
      let left = times;
      stub.fault = ({ operation }) => (operation === "get" && left-- > 0 ? fault : undefined);
    };
    const whole = (bytes: Buffer): ByteRange => ({ start: 0, end: bytes.length - 1 });
    const put = (bytes: Buffer): Promise<string> => store.put(digestOf(bytes), bytes);
    const isSame = (found: Buffer, bytes: Buffer): void =>
      assert.equal(Buffer.compare(found, bytes), 0);

    test("cause one GET to S3, and each reader gets every byte", async () => {
      const bytes = pattern(3 * MiB + 17);
      const key = await put(bytes);
      const readers = Array.from({ length: 20 }, async () =>
        isSame(await read(await store.open(key, whole(bytes))), bytes),
      );
      await Promise.all(readers);
      assert.equal(gets(), 1);
    });

    test("are not cached: a later read sends a new GET to S3", async () => {
      const bytes = pattern(1_000);
      const key = await put(bytes);
      isSame(await read(await store.open(key, whole(bytes))), bytes);
      stub.bucket.objects.clear();
      assert.equal(await store.open(key, whole(bytes)), undefined);
    });

    test("return the right bytes for overlapping ranges", async () => {
      const bytes = pattern(2 * MiB);
      const key = await put(bytes);
      const ranges = [0, 1, 500_000, 2 * MiB - 1].flatMap((start) =>
        [start, start + 70_000, 2 * MiB - 1].map((end) => ({
          start,
          end: Math.min(end, 2 * MiB - 1),
        })),
      );
      const readers = ranges.map(async (range) =>
        isSame(
          await read(await store.open(key, range)),
          bytes.subarray(range.start, range.end + 1),
        ),
      );
      await Promise.all(readers);
    });

    test("a paused reader does not delay another reader, and still gets all bytes", async () => {
      const bytes = pattern(24 * MiB + 3);
      const key = await put(bytes);
      const [slow, fast] = [
        await store.open(key, whole(bytes)),
        await store.open(key, whole(bytes)),
      ];
      assert.ok(slow !== undefined);
      const pieces: Buffer[] = [];
      for await (const piece of slow) {
        // A borrowed chunk does not change until its reader requests the next one.
        if (pieces.length === 0) isSame(await read(fast), bytes);
        pieces.push(Buffer.from(piece));
      }
      isSame(Buffer.concat(pieces), bytes);
      assert.equal(gets(), 2);
    });

    test("a GET that breaks fails the reader that started it, and the other readers retry", async () => {
      const bytes = pattern(300_000);
      const key = await put(bytes);
      faultOfFirstGets({ cutAfterBytes: 100_000 }, 1);
      const [began, ...joined] = await Promise.allSettled(
        Array.from({ length: 4 }, async () => read(await store.open(key, whole(bytes)))),
      );
      assert.equal(began?.status, "rejected");
      for (const found of joined) {
        assert.ok(found.status === "fulfilled");
        isSame(found.value, bytes);
      }
    });

    test("GETs that always break fail all 4 readers after at most 4 GETs", async () => {
      const bytes = pattern(300_000);
      const key = await put(bytes);
      faultOfFirstGets({ cutAfterBytes: 100_000 }, Infinity);
      const found = await Promise.allSettled(
        Array.from({ length: 4 }, async () => read(await store.open(key, whole(bytes)))),
      );
      for (const one of found) {
        assert.ok(one.status === "rejected");
        assert.match(String((one.reason as { code?: unknown }).code), /^S3_/);
      }
      assert.ok(gets() <= 4, `${gets()} reads`);
    });

    test("return undefined for a missing object, and fail for all readers if S3 answers 403", async () => {
      const bytes = pattern(10);
      const key = await put(bytes);
      faultOfFirstGets({ refuse: { status: 403, code: "AccessDenied" } }, Infinity);
      const open = (): Promise<unknown> => store.open(key, whole(bytes));
      for (const one of await Promise.allSettled([open(), open(), open()]))
        assert.equal(one.status, "rejected");
      stub.fault = () => undefined;
      stub.bucket.objects.clear();
      assert.deepEqual(await Promise.all([open(), open()]), [undefined, undefined]);
    });

    test("a reader that stops early does not end the other readers", async () => {
      const bytes = pattern(6 * MiB);
      const key = await put(bytes);
      const leaves = async (): Promise<void> => {
        for await (const _ of (await store.open(key, whole(bytes))) ?? []) return;
      };
      const stays = async (): Promise<void> =>
        isSame(await read(await store.open(key, whole(bytes))), bytes);
      await Promise.all([leaves(), stays(), leaves()]);
      assert.equal(gets(), 1);
    });

    test("a new reader of a deleted object does not join a running read", async () => {
      const bytes = pattern(6 * MiB);
      const key = await put(bytes);
      for await (const _ of (await store.open(key, whole(bytes))) ?? []) {
        await store.delete(key);
        assert.equal(await store.open(key, whole(bytes)), undefined);
        break;
      }
    });
  });

describe("the memory of shared reads", () => {
  const blobBytes = 32 * MiB;
  const buffers = createReadBuffers();
  /** A source without delay. The value of each byte follows from its position. */
  const shared = createSharedReads(async (_, { start, end }) => {
    let position = start;
    return {
      sizeBytes: end - start + 1,
      async next() {
        const buffer = buffers.take();
        const to = Math.min(buffer.bytes.length, end + 1 - position);
        for (let at = 0; at < to; at += 1) buffer.bytes[at] = (position + at) % 251;
        position += to;
        return { buffer, from: 0, to };
      },
      end: () => undefined,
    };
  });
  const isRight = (bytes: Uint8Array, position: number): void => {
    for (const at of [0, bytes.length - 1]) assert.equal(bytes[at], (position + at) % 251);
  };

  test("is bounded with 300 slow readers at different offsets, and is released at the end", async () => {
    const readers = 300;
    let position = 0;
    const stopped: AsyncIterator<Uint8Array>[] = [];
    for (let count = 0; count < readers; count += 1) {
      const start = Math.floor((count * blobBytes) / readers);
      const borrowed = await shared.open(`blob ${count % 40}`, { start, end: blobBytes - 1 });
      assert.ok(borrowed !== undefined);
      const reader: AsyncIterator<Uint8Array> = borrowed[Symbol.asyncIterator]();
      position = start;
      for (let chunk = 0; chunk < 2; chunk += 1) {
        const { value } = (await reader.next()) as { value: Uint8Array | undefined };
        if (value === undefined) break;
        isRight(value, position);
        position += value.length;
      }
      stopped.push(reader);
    }
    // 48 MiB of large buffers, and for each reader its borrowed chunk and the bytes that its read keeps.
    const most = 49 * MiB + readers * 3 * (MiB / 8);
    assert.ok(buffers.heldBytes() <= most, `${buffers.heldBytes()} bytes`);
    for (const reader of stopped) await reader.return?.();
    assert.equal(buffers.heldBytes(), 0);
  });

  test("of one read is at most 7 MiB, however far apart its readers are", async () => {
    const open = async (): Promise<BorrowedBytes> => {
      const borrowed = await shared.open("one", { start: 0, end: blobBytes - 1 });
      assert.ok(borrowed !== undefined);
      return borrowed;
    };
    const [slow, fast] = [await open(), await open()];
    let most = 0;
    for await (const _ of slow) {
      for await (const __ of fast) most = Math.max(most, buffers.heldBytes());
      break;
    }
    assert.ok(most <= 7 * MiB, `${most} bytes`);
    assert.equal(buffers.heldBytes(), 0);
  });
});
