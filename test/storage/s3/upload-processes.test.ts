import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { UploadLostError, UploadOffsetError } from "../../../storage/blob-store.ts";
import { chunks, pattern, read } from "../bytes.ts";
import { partSize } from "./settings.ts";
import { all, useTwoStores } from "./two-stores.ts";

describe("s3 uploads:", () => {
  const stores = useTwoStores();

  for (const size of [0, partSize - 1, partSize, partSize + 1, 3 * partSize, 3 * partSize + 1]) {
    test(`${size} bytes that two processes append in chunks become one blob`, async () => {
      const bytes = pattern(size);
      for (const step of [1_000, partSize, partSize + 1, 1_000_000]) {
        const upload = await stores.here.begin();
        const middle = Math.floor(size / 3);
        await stores.here.append(upload, 0, chunks(bytes.subarray(0, middle), step));
        assert.equal(await stores.there.uploadSize(upload), middle);
        await stores.there.append(upload, middle, chunks(bytes.subarray(middle), step));
        await stores.here.uploadSize(upload);
        assert.equal(Buffer.compare(await read(await stores.here.openUpload(upload)), bytes), 0);
        const key = await stores.here.commit(upload, digestOf(bytes));
        assert.deepEqual(await stores.there.stat(key), { sizeBytes: size });
        assert.equal(Buffer.compare(await read(await stores.there.open(key)), bytes), 0);
      }
      assert.deepEqual(await all(stores.there.listUploads()), []);
    });
  }

  test("chunks smaller than a part are stored between requests, and none is in the blob twice", async () => {
    const bytes = pattern(partSize + 700);
    const upload = await stores.here.begin();
    for (let offset = 0; offset < bytes.length;) {
      const store = offset % 2 === 0 ? stores.here : stores.there;
      await store.uploadSize(upload);
      offset = await store.append(
        upload,
        offset,
        chunks(bytes.subarray(offset, offset + 5_001), 999),
      );
      assert.equal(await stores.there.uploadSize(upload), offset);
    }
    await stores.here.uploadSize(upload);
    await read(await stores.here.openUpload(upload));
    const key = await stores.here.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await stores.here.open(key)), bytes), 0);
  });

  test("an upload of a killed process continues at the last offset that was stored", async () => {
    const bytes = pattern(5 * partSize);
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(bytes.subarray(0, 2 * partSize + 10), 9_000));
    const state = [...stores.stub.bucket.objects].find(([key]) => key.endsWith(upload));
    assert.ok(state !== undefined);
    await stores.here.append(
      upload,
      2 * partSize + 10,
      chunks(pattern(2 * partSize).fill(1), 9_000),
    );
    // The process was killed after it sent those parts, and before it stored the state.
    stores.stub.bucket.objects.set(...state);

    const size = await stores.there.uploadSize(upload);
    assert.equal(size, 2 * partSize + 10);
    await stores.there.append(upload, size, chunks(bytes.subarray(size), 9_000));
    await read(await stores.there.openUpload(upload));
    const key = await stores.there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await stores.there.open(key)), bytes), 0);
  });

  test("a process that has lost the upload leaves the state of the process that continued it", async () => {
    const upload = await stores.here.begin();
    let lose = (): void => undefined;
    const lost = new Promise<void>((resolve) => (lose = resolve));
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(100);
      await lost;
      throw new UploadLostError();
    };
    const late = stores.here.append(upload, 0, source());
    await stores.there.takeOver(upload);
    const bytes = pattern(partSize + 5);
    await stores.there.append(upload, 0, chunks(bytes, 9_000));
    lose();
    await assert.rejects(late, UploadLostError);
    const key = await stores.there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await stores.there.open(key)), bytes), 0);
  });

  test("a commit is rejected if another process replaced a part by other bytes of the same size", async () => {
    const ours = pattern(2 * partSize);
    const theirs = Buffer.alloc(2 * partSize, 7);
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(ours.subarray(0, partSize), 9_000));
    assert.equal(await stores.there.uploadSize(upload), partSize);
    await stores.there.append(upload, partSize, chunks(theirs.subarray(partSize), 9_000));
    // `here` has not read the size again, and sends the same part.
    await stores.here.append(upload, partSize, chunks(ours.subarray(partSize), 9_000));
    await assert.rejects(stores.there.uploadSize(upload), { code: "S3_UPLOAD_CHANGED" });
    await assert.rejects(stores.there.commit(upload, digestOf(theirs)), { code: /^S3_/ });
    const key = await stores.here.commit(upload, digestOf(ours));
    assert.equal(Buffer.compare(await read(await stores.here.open(key)), ours), 0);
  });

  test("an upload that was read back can be committed by another process, but not appended to", async () => {
    const bytes = pattern(3 * partSize + 9);
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(bytes, 9_000));
    stores.stub.fault = ({ operation, key }) =>
      operation === "get" && key.includes("multipart") ? { cutAfterBytes: 100 } : undefined;
    await assert.rejects(async () => read(await stores.here.openUpload(upload)));
    stores.stub.fault = () => undefined;
    assert.equal(await stores.there.uploadSize(upload), bytes.length);
    await assert.rejects(stores.there.append(upload, bytes.length, chunks(bytes, 9_000)));
    assert.equal(Buffer.compare(await read(await stores.there.openUpload(upload)), bytes), 0);
    const key = await stores.there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await stores.here.open(key)), bytes), 0);
  });

  test("a completion whose state could not be stored is detected by another process", async () => {
    const bytes = pattern(2 * partSize + 9);
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(bytes, 9_000));
    stores.stub.fault = ({ operation, key }) =>
      operation === "put" && key.endsWith(upload)
        ? { refuse: { status: 403, code: "AccessDenied" } }
        : undefined;
    await assert.rejects(stores.here.openUpload(upload));
    stores.stub.fault = () => undefined;
    assert.equal(Buffer.compare(await read(await stores.there.openUpload(upload)), bytes), 0);
    const key = await stores.there.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await stores.there.open(key)), bytes), 0);
  });

  test("a multipart upload without stored state is listed and can be aborted", async () => {
    const upload = await stores.here.begin();
    stores.stub.fault = ({ operation }) =>
      operation === "put" ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    await assert.rejects(stores.here.append(upload, 0, chunks(pattern(2 * partSize), 9_000)));
    stores.stub.fault = () => undefined;
    assert.equal(stores.stub.bucket.multiparts.size, 1);
    assert.deepEqual(await all(stores.there.listUploads()), [upload]);
    await stores.there.abort(upload);
    assert.equal(stores.stub.bucket.multiparts.size, 0);
  });

  test("an abort after the commit keeps the blob", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(bytes, 9_000));
    stores.stub.fault = ({ operation }) =>
      operation === "delete" ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    const key = await stores.here.commit(upload, digestOf(bytes));
    stores.stub.fault = () => undefined;
    assert.deepEqual(
      await all(stores.there.listUploads()),
      [upload],
      "its state could not be removed",
    );
    await stores.there.abort(upload);
    assert.equal(Buffer.compare(await read(await stores.there.open(key)), bytes), 0);
    assert.deepEqual(await all(stores.there.listUploads()), []);
  });

  test("an append at an offset other than the end is rejected by a process without cached state", async () => {
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(pattern(10), 10));
    await assert.rejects(stores.there.append(upload, 0, chunks(pattern(5), 5)), UploadOffsetError);
    await stores.there.abort(upload);
  });
});
