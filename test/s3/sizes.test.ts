import assert from "node:assert/strict";
import { after, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import type { ByteSource } from "../../storage/blob-store.ts";
import { createS3Store } from "../../storage/s3/store.ts";
import { settingsFor } from "../storage/s3/settings.ts";
import { startS3Stub } from "../support/s3/stub.ts";

/* Sizes that are too large for the disk of a test machine: the stub counts the bytes of the parts and discards them. */

const MiB = 2 ** 20;
const stub = await startS3Stub({ sparse: true });
after(() => stub.close());
const anyDigest = digestOf(Buffer.alloc(0));

async function* zeros(sizeBytes: number, step: number): ByteSource {
  const chunk = Buffer.alloc(step);
  for (let left = sizeBytes; left > 0; left -= step) yield chunk.subarray(0, Math.min(left, step));
}

test("the S3 driver stores a blob of 6 GiB, above the 5 GiB limit of a single request", async () => {
  const store = createS3Store(
    settingsFor(stub.endpoint, { partSize: 8 * MiB, uploadBuffer: 64 * MiB }),
  );
  const size = 6 * 1024 * MiB;
  const upload = await store.begin();
  assert.equal(await store.append(upload, 0, zeros(size, MiB)), size);
  const key = await store.commit(upload, anyDigest);
  assert.deepEqual(await store.stat(key), { sizeBytes: size });
  assert.equal(store.heldBytes(), 0);
  await store.close();
});

test("the S3 driver stores a blob of 10,000 parts, and rejects one more byte without losing the upload", async () => {
  const store = createS3Store(settingsFor(stub.endpoint, { partSize: 100, concurrency: 8 }));
  const size = 10_000 * 100;
  const upload = await store.begin();
  assert.equal(await store.append(upload, 0, zeros(size, 10_000)), size);
  await assert.rejects(store.append(upload, size, zeros(1, 1)), { code: "UPLOAD_TOO_LARGE" });
  assert.equal(await store.uploadSize(upload), size);
  const key = await store.commit(upload, anyDigest);
  assert.deepEqual(await store.stat(key), { sizeBytes: size });
  assert.equal(store.heldBytes(), 0);
  await store.close();
});
