import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { UploadOffsetError, type ByteSource } from "../../../storage/blob-store.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { startS3Stub, type S3Stub } from "../../support/s3/stub.ts";
import { chunks, pattern, read } from "../driver-suite.ts";
import { impatience, settingsFor } from "./settings.ts";

const partSize = 64 * 1024;
type Store = ReturnType<typeof createS3Store>;

describe("s3 uploads:", () => {
  let stub: S3Stub;
  let here: Store;
  /** The same bucket in another process, or after a restart. */
  let there: Store;

  beforeEach(async () => {
    // Amazon S3 requires a minimum part size, and Cloudflare R2 requires parts of equal size.
    stub = await startS3Stub({ leastPartBytes: partSize });
    here = createS3Store(settingsFor(stub.endpoint), impatience);
    there = createS3Store(settingsFor(stub.endpoint), impatience);
  });
  afterEach(async () => {
    assert.equal(here.heldBytes() + there.heldBytes(), 0, "a part's buffer was kept");
    await here.close();
    await there.close();
    await stub.close();
  });

  const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const found: T[] = [];
    for await (const item of items) found.push(item);
    return found;
  };
  const asked = (): string[] =>
    stub.requests.map(({ operation, partNumber }) =>
      partNumber > 0 ? `${operation} ${partNumber}` : operation,
    );

  for (const size of [0, partSize - 1, partSize, partSize + 1, 3 * partSize, 3 * partSize + 1]) {
    test(`${size} bytes that two processes append in chunks become one blob`, async () => {
      const bytes = pattern(size);
      for (const step of [1_000, partSize, partSize + 1, 1_000_000]) {
        const upload = await here.begin();
        const middle = Math.floor(size / 3);
        await here.append(upload, 0, chunks(bytes.subarray(0, middle), step));
        assert.equal(await there.uploadSize(upload), middle);
        await there.append(upload, middle, chunks(bytes.subarray(middle), step));
        await here.uploadSize(upload);
        assert.equal(Buffer.compare(await read(await here.openUpload(upload)), bytes), 0);
        const key = await here.commit(upload, digestOf(bytes));
        assert.deepEqual(await there.stat(key), { sizeBytes: size });
        assert.equal(Buffer.compare(await read(await there.open(key)), bytes), 0);
      }
      assert.deepEqual(await all(there.listUploads()), []);
    });
  }

  test("chunks smaller than a part are stored between requests, and none is in the blob twice", async () => {
    const bytes = pattern(partSize + 700);
    const upload = await here.begin();
    for (let offset = 0; offset < bytes.length;) {
      const store = offset % 2 === 0 ? here : there;
      await store.uploadSize(upload);
      offset = await store.append(
        upload,
        offset,
        chunks(bytes.subarray(offset, offset + 5_001), 999),
      );
      assert.equal(await there.uploadSize(upload), offset);
    }
    await here.uploadSize(upload);
    await read(await here.openUpload(upload));
    const key = await here.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await here.open(key)), bytes), 0);
  });

  test("the id of a multipart upload is stored before its first part is sent", async () => {
    const upload = await here.begin();
    await here.append(upload, 0, chunks(pattern(4 * partSize), 9_000));
    const begun = asked().filter((request) => request !== "get");
    assert.deepEqual(begun.slice(0, 2), ["create", "put"]);
    await here.abort(upload);
  });

  test("a blob of 8 parts needs 8 part requests, 6 other requests and no copy", async () => {
    const upload = await here.begin();
    await here.uploadSize(upload);
    stub.requests.length = 0;
    const bytes = pattern(8 * partSize);
    await here.append(upload, 0, chunks(bytes, 9_000));
    await here.commit(upload, digestOf(bytes));
    const parts = asked().filter((request) => request.startsWith("part"));
    assert.equal(parts.length, 8);
    const others = asked().filter((request) => !request.startsWith("part"));
    assert.deepEqual(others, ["create", "put", "put", "complete", "head", "delete"]);
  });

  test("the stored state of an upload has the fields that earlier versions wrote", async () => {
    const upload = await here.begin();
    await here.append(upload, 0, chunks(pattern(partSize + 10), 9_000));
    const [, state] = [...stub.bucket.objects].find(([key]) => key.endsWith(upload)) ?? [];
    const [line = ""] = String(state?.bytes).split("\n");
    const { version, multipart, parts, ...sizes } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual(sizes, { partSize, tailBytes: 10 });
    assert.equal((parts as unknown[]).length, 1);
    assert.ok(typeof version === "string" && typeof multipart === "object");
  });

  test("an upload of a killed process continues at the last offset that was stored", async () => {
    const bytes = pattern(5 * partSize);
    const upload = await here.begin();
    await here.append(upload, 0, chunks(bytes.subarray(0, 2 * partSize + 10), 9_000));
    const state = [...stub.bucket.objects].find(([key]) => key.endsWith(upload));
    assert.ok(state !== undefined);
    await here.append(upload, 2 * partSize + 10, chunks(pattern(2 * partSize).fill(1), 9_000));
    // The process was killed after it sent those parts, and before it stored the state.
    stub.bucket.objects.set(...state);

    const size = await there.uploadSize(upload);
    assert.equal(size, 2 * partSize + 10);
    await there.append(upload, size, chunks(bytes.subarray(size), 9_000));
    await read(await there.openUpload(upload));
    const key = await there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await there.open(key)), bytes), 0);
  });

  test("a commit is rejected if another process replaced a part by other bytes of the same size", async () => {
    const ours = pattern(2 * partSize);
    const theirs = Buffer.alloc(2 * partSize, 7);
    const upload = await here.begin();
    await here.append(upload, 0, chunks(ours.subarray(0, partSize), 9_000));
    assert.equal(await there.uploadSize(upload), partSize);
    await there.append(upload, partSize, chunks(theirs.subarray(partSize), 9_000));
    // `here` has not read the size again, and sends the same part.
    await here.append(upload, partSize, chunks(ours.subarray(partSize), 9_000));
    await assert.rejects(there.uploadSize(upload), { code: "S3_UPLOAD_CHANGED" });
    await assert.rejects(there.commit(upload, digestOf(theirs)), { code: /^S3_/ });
    const key = await here.commit(upload, digestOf(ours));
    assert.equal(Buffer.compare(await read(await here.open(key)), ours), 0);
  });

  test("an upload that was read back can be committed by another process, but not appended to", async () => {
    const bytes = pattern(3 * partSize + 9);
    const upload = await here.begin();
    await here.append(upload, 0, chunks(bytes, 9_000));
    stub.fault = ({ operation, key }) =>
      operation === "get" && key.includes("multipart") ? { cutAfterBytes: 100 } : undefined;
    await assert.rejects(async () => read(await here.openUpload(upload)));
    stub.fault = () => undefined;
    assert.equal(await there.uploadSize(upload), bytes.length);
    await assert.rejects(there.append(upload, bytes.length, chunks(bytes, 9_000)));
    assert.equal(Buffer.compare(await read(await there.openUpload(upload)), bytes), 0);
    const key = await there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await here.open(key)), bytes), 0);
  });

  test("a completion whose state could not be stored is detected by another process", async () => {
    const bytes = pattern(2 * partSize + 9);
    const upload = await here.begin();
    await here.append(upload, 0, chunks(bytes, 9_000));
    stub.fault = ({ operation, key }) =>
      operation === "put" && key.endsWith(upload)
        ? { refuse: { status: 403, code: "AccessDenied" } }
        : undefined;
    await assert.rejects(here.openUpload(upload));
    stub.fault = () => undefined;
    assert.equal(Buffer.compare(await read(await there.openUpload(upload)), bytes), 0);
    const key = await there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await there.open(key)), bytes), 0);
  });

  test("a multipart upload without stored state is listed and can be aborted", async () => {
    const upload = await here.begin();
    stub.fault = ({ operation }) =>
      operation === "put" ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    await assert.rejects(here.append(upload, 0, chunks(pattern(2 * partSize), 9_000)));
    stub.fault = () => undefined;
    assert.equal(stub.bucket.multiparts.size, 1);
    assert.deepEqual(await all(there.listUploads()), [upload]);
    await there.abort(upload);
    assert.equal(stub.bucket.multiparts.size, 0);
  });

  test("an abort after the commit keeps the blob", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await here.begin();
    await here.append(upload, 0, chunks(bytes, 9_000));
    stub.fault = ({ operation }) =>
      operation === "delete" ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    const key = await here.commit(upload, digestOf(bytes));
    stub.fault = () => undefined;
    assert.deepEqual(await all(there.listUploads()), [upload], "its state could not be removed");
    await there.abort(upload);
    assert.equal(Buffer.compare(await read(await there.open(key)), bytes), 0);
    assert.deepEqual(await all(there.listUploads()), []);
  });

  for (const size of [partSize, partSize + 5_000]) {
    test(`a slow client's incomplete part is stored to free the buffer, and its blob of ${size} bytes is complete`, async () => {
      const one = createS3Store(
        settingsFor(stub.endpoint, { uploadBuffer: partSize }),
        impatience,
        {
          undisturbedMs: 20,
        },
      );
      const bytes = pattern(size);
      let mayGoOn = (): void => undefined;
      const othersDone = new Promise<void>((resolve) => (mayGoOn = resolve));
      const slow = async function* (): ByteSource {
        yield bytes.subarray(0, 4_000);
        await othersDone;
        yield bytes.subarray(4_000);
      };
      const upload = await one.begin();
      const appending = one.append(upload, 0, slow());
      const other = pattern(2 * partSize);
      const second = await one.begin();
      await one.append(second, 0, chunks(other, 9_000));
      assert.equal(await there.uploadSize(upload), 4_000, "it was not put aside");
      mayGoOn();
      assert.equal(await appending, size);
      assert.equal(await there.uploadSize(upload), size);
      for (const [name, content] of [
        [upload, bytes],
        [second, other],
      ] as const) {
        const key = await one.commit(name, digestOf(content));
        assert.equal(Buffer.compare(await read(await one.open(key)), content), 0);
      }
      assert.equal(one.heldBytes(), 0);
      await one.close();
    });
  }

  test("20 concurrent uploads hold at most uploadBuffer bytes in memory", async () => {
    const budget = 4 * (partSize + 64 * 1024);
    const store = createS3Store(settingsFor(stub.endpoint, { uploadBuffer: budget }), impatience);
    let most = 0;
    stub.fault = () => {
      most = Math.max(most, store.heldBytes());
      return undefined;
    };
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const bytes = pattern(3 * partSize + index);
        const upload = await store.begin();
        await store.append(upload, 0, chunks(bytes, 9_000));
        const key = await store.commit(upload, digestOf(bytes));
        assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
      }),
    );
    assert.ok(most > budget / 2 && most <= budget, `${most} of ${budget} bytes`);
    await store.close();
  });

  test("an append at an offset other than the end is rejected by a process without cached state", async () => {
    const upload = await here.begin();
    await here.append(upload, 0, chunks(pattern(10), 10));
    await assert.rejects(there.append(upload, 0, chunks(pattern(5), 5)), UploadOffsetError);
    await there.abort(upload);
  });

  test("an append beyond 10,000 parts is rejected with UPLOAD_TOO_LARGE", async () => {
    const small = createS3Store(settingsFor(stub.endpoint, { partSize: 10, prefix: "small/" }));
    assert.equal(small.capabilities.largestBlobBytes, 100_000);
    const upload = await small.begin();
    await assert.rejects(small.append(upload, 0, chunks(pattern(100_001), 10_000)), {
      code: "UPLOAD_TOO_LARGE",
    });
    assert.equal(await small.uploadSize(upload), 100_000);
    await small.abort(upload);
    await small.close();
  });

  test("two puts of the same blob get different keys", async () => {
    const [first, second] = [
      await here.put(digestOf(pattern(9)), pattern(9)),
      await here.put(digestOf(pattern(9)), pattern(9)),
    ];
    assert.notEqual(first, second);
  });

  test("a signed URL reads the blob, and is returned only if redirect is enabled", async () => {
    const key = await here.put(digestOf(pattern(100)), pattern(100));
    assert.equal(await here.signedUrl(key), undefined);
    const linking = createS3Store(settingsFor(stub.endpoint, { redirect: true }));
    const link = await linking.signedUrl(key);
    assert.match(link ?? "", /X-Amz-Expires=60&/);
    const answer = await fetch(link ?? "");
    assert.equal(Buffer.compare(Buffer.from(await answer.arrayBuffer()), pattern(100)), 0);
    await linking.close();
  });
});
