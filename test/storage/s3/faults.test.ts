import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import type { ByteSource } from "../../../storage/blob-store.ts";
import { startS3Stub, type Fault, type Operation, type S3Stub } from "../../support/s3/stub.ts";
import { chunks, pattern, read } from "../driver-suite.ts";
import { impatience, settingsFor } from "./settings.ts";

const partSize = 64 * 1024;

describe("s3, when the server fails:", () => {
  let stub: S3Stub;
  let store: ReturnType<typeof createS3Store>;

  beforeEach(async () => {
    stub = await startS3Stub();
    store = createS3Store(settingsFor(stub.endpoint), impatience);
  });
  afterEach(async () => {
    assert.equal(store.heldBytes(), 0, "a part's buffer was kept");
    await store.close();
    await stub.close();
  });

  /** Injects the fault into the first `times` requests of this operation. */
  const failing = (operation: Operation, fault: Fault, times = Infinity): void => {
    let left = times;
    stub.fault = (request) => {
      if (request.operation !== operation || left <= 0) return undefined;
      left -= 1;
      return fault;
    };
  };
  const count = (operation: Operation): number =>
    stub.requests.filter((request) => request.operation === operation).length;
  const begun = async (bytes: Buffer): Promise<string> => {
    const upload = await store.begin();
    await store.append(upload, 0, chunks(bytes, 10_000));
    return upload;
  };
  /** Asserts that an acknowledged blob reads back. */
  const readsBack = async (key: string, bytes: Buffer): Promise<void> => {
    stub.fault = () => undefined;
    assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
  };
  const blobs = (): readonly string[] =>
    [...stub.bucket.objects.keys()].filter((key) => key.includes("/blobs/"));

  for (const end of ["", "\n", "  \n"]) {
    test(`a commit fails if its completion gets 200 with an error body (ending in ${JSON.stringify(end)})`, async () => {
      const bytes = pattern(3 * partSize + 5);
      const upload = await begun(bytes);
      const body = `<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>${end}`;
      stub.fault = ({ operation }) =>
        operation === "complete" ? { refuseWith: { status: 200, body } } : undefined;
      await assert.rejects(store.commit(upload, digestOf(bytes)), { code: /^S3_/ });
      assert.deepEqual(blobs(), []);
      stub.fault = () => undefined;
      await store.abort(upload);
      assert.equal(stub.bucket.multiparts.size, 0);
    });
  }

  test("a commit fails with S3_NotCompleted if the completion's answer names no object", async () => {
    const bytes = pattern(3 * partSize);
    const upload = await begun(bytes);
    const body = '<?xml version="1.0"?>\n<CompleteMultipartUploadResult/>';
    stub.fault = ({ operation }) =>
      operation === "complete" ? { refuseWith: { status: 200, body } } : undefined;
    await assert.rejects(store.commit(upload, digestOf(bytes)), { code: "S3_NotCompleted" });
    stub.fault = () => undefined;
    await store.abort(upload);
  });

  test("a put that always gets 500 is sent as often as the retry policy permits", async () => {
    failing("put", { refuse: { status: 500, code: "InternalError" } });
    await assert.rejects(store.put(digestOf(pattern(5)), pattern(5)), { code: "S3_InternalError" });
    assert.equal(count("put"), impatience.attempts);
  });

  test("a put that gets 507 InsufficientStorage is sent once", async () => {
    failing("put", { refuse: { status: 507, code: "InsufficientStorage" } });
    await assert.rejects(store.put(digestOf(pattern(5)), pattern(5)), { status: 507 });
    assert.equal(count("put"), 1);
  });

  test("a commit succeeds if its completion gets 500 twice and then succeeds", async () => {
    const bytes = pattern(3 * partSize);
    const upload = await begun(bytes);
    failing("complete", { refuse: { status: 500, code: "InternalError" } }, 2);
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a commit succeeds if the answer to its first completion is lost", async () => {
    const bytes = pattern(2 * partSize + 1);
    const upload = await begun(bytes);
    failing("complete", { dropAnswer: true }, 1);
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
    assert.equal(count("complete"), 2);
  });

  test("a commit fails if the key has an object of the same size with other bytes", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await begun(bytes);
    stub.fault = ({ operation, key }) => {
      if (operation !== "complete") return undefined;
      stub.bucket.put(
        key,
        { sizeBytes: bytes.length, bytes: Buffer.alloc(bytes.length), md5: "0".repeat(32) },
        {},
      );
      stub.bucket.multiparts.clear();
      return undefined;
    };
    await assert.rejects(store.commit(upload, digestOf(bytes)), { code: "S3_NoSuchUpload" });
  });

  test("a commit fails with S3_WrongSize if HEAD reports another size", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await begun(bytes);
    stub.fault = ({ operation, key }) =>
      operation === "head" && key.includes("multipart") ? { moreBytes: 1 } : undefined;
    await assert.rejects(store.commit(upload, digestOf(bytes)), { code: "S3_WrongSize" });
  });

  for (const [status, code] of [
    [500, "InternalError"],
    [503, "SlowDown"],
    [429, "TooManyRequests"],
  ] as const) {
    test(`a request is retried after answers of ${status}, and fails if they persist`, async () => {
      const bytes = pattern(5 * partSize + 100);
      const met = new Map<string, number>();
      stub.fault = ({ operation, key, partNumber }) => {
        const name = `${operation} ${key} ${partNumber}`;
        met.set(name, (met.get(name) ?? 0) + 1);
        return (met.get(name) ?? 0) < impatience.attempts
          ? { refuse: { status, code } }
          : undefined;
      };
      const upload = await begun(bytes);
      await readsBack(await store.commit(upload, digestOf(bytes)), bytes);

      stub.fault = () => ({ refuse: { status, code } });
      await assert.rejects(store.put(digestOf(bytes), bytes), { code: `S3_${code}`, status });
    });
  }

  test("a put that gets 403 AccessDenied is not retried", async () => {
    failing("put", { refuse: { status: 403, code: "AccessDenied" } });
    await assert.rejects(store.put(digestOf(pattern(5)), pattern(5)), { code: "S3_AccessDenied" });
    assert.equal(count("put"), 1);
  });

  test("a part whose connection is reset is sent again with all of its bytes", async () => {
    const bytes = pattern(4 * partSize);
    failing("part", { cutAfterBytes: 30_000 }, 3);
    const upload = await begun(bytes);
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a part that gets 400 BadDigest is sent again", async () => {
    const bytes = pattern(2 * partSize);
    failing("part", { refuse: { status: 400, code: "BadDigest" } }, 2);
    const upload = await begun(bytes);
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a slow transfer does not time out while bytes move", async () => {
    const bytes = pattern(3 * partSize);
    const slow = createS3Store(settingsFor(stub.endpoint), { ...impatience, idleMs: 1_000 });
    stub.fault = ({ operation }) =>
      operation === "part" || operation === "get" ? { bytesPerSecond: 40_000 } : undefined;
    const upload = await slow.begin();
    await slow.append(upload, 0, chunks(bytes, 10_000));
    const key = await slow.commit(upload, digestOf(bytes));
    assert.equal(Buffer.compare(await read(await slow.open(key)), bytes), 0);
    await slow.close();
  });

  for (const operation of ["put", "head", "get", "part"] as const) {
    test(`a ${operation} that gets no answer times out and is sent again`, async () => {
      const bytes = pattern(2 * partSize);
      const hasty = createS3Store(settingsFor(stub.endpoint), { ...impatience, idleMs: 200 });
      const upload = await hasty.begin();
      failing(operation, { hang: true }, 1);
      await hasty.append(upload, 0, chunks(bytes, 10_000));
      const key = await hasty.commit(upload, digestOf(bytes));
      const small = await hasty.put(digestOf(pattern(3)), pattern(3));
      assert.deepEqual(await hasty.stat(small), { sizeBytes: 3 });
      assert.equal(Buffer.compare(await read(await hasty.open(key)), bytes), 0);
      await hasty.close();
    });
  }

  for (const [what, fault] of [
    ["is reset", { cutAfterBytes: 50_000 }],
    ["ends early", { moreBytes: 10 }],
  ] as const) {
    test(`a read that ${what} throws and never looks complete`, async () => {
      const bytes = pattern(200_000);
      const key = await store.put(digestOf(bytes), bytes);
      failing("get", fault);
      await assert.rejects(async () => read(await store.open(key)), { code: /^S3_/ });
    });
  }

  test("a read times out if S3 stops sending, but not if its reader is slow", async () => {
    const bytes = pattern(2_000_000);
    const hasty = createS3Store(settingsFor(stub.endpoint), { ...impatience, idleMs: 200 });
    const key = await hasty.put(digestOf(bytes), bytes);
    const pieces: Buffer[] = [];
    for await (const piece of (await hasty.open(key)) ?? []) {
      if (pieces.length < 2) await new Promise((resolve) => setTimeout(resolve, 500));
      pieces.push(Buffer.from(piece));
    }
    assert.equal(Buffer.compare(Buffer.concat(pieces), bytes), 0);
    failing("get", { stallAfterBytes: 1_000 });
    await assert.rejects(async () => read(await hasty.open(key)), { code: "S3_TimeoutError" });
    await hasty.close();
  });

  test("after a denied signed URL the SDK reads, without a request with the next URL", async () => {
    const key = await store.put(digestOf(pattern(9)), pattern(9));
    stub.fault = ({ isSignedUrl }) =>
      isSignedUrl ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    for (let reads = 0; reads < 3; reads += 1)
      assert.deepEqual(await read(await store.open(key)), pattern(9));
    const gets = stub.requests.filter(({ operation }) => operation === "get");
    assert.deepEqual(
      gets.map(({ isSignedUrl }) => isSignedUrl),
      [true, false, false, false],
    );
  });

  test("an overloaded S3 and an object that nobody may read do not end the use of signed URLs", async () => {
    const key = await store.put(digestOf(pattern(9)), pattern(9));
    for (const status of [503, 403]) {
      stub.fault = ({ operation, isSignedUrl }) =>
        operation === "get" && (isSignedUrl || status === 403)
          ? { refuse: { status, code: "Refused" } }
          : undefined;
      if (status === 503) assert.deepEqual(await read(await store.open(key)), pattern(9));
      else await assert.rejects(async () => read(await store.open(key)));
      stub.requests.length = 0;
      await readsBack(key, pattern(9));
      assert.deepEqual(
        stub.requests.map(({ isSignedUrl }) => isSignedUrl),
        [true],
        String(status),
      );
    }
  });

  test("a missing object does not end the use of signed URLs", async () => {
    const key = await store.put(digestOf(pattern(9)), pattern(9));
    const missing = await store.put(digestOf(pattern(8)), pattern(8));
    await store.delete(missing);
    assert.equal(await store.open(missing), undefined);
    stub.requests.length = 0;
    assert.deepEqual(await read(await store.open(key)), pattern(9));
    assert.deepEqual(
      stub.requests.map(({ isSignedUrl }) => isSignedUrl),
      [true],
    );
  });

  test("a delete that gets 500 fails, and a delete that gets 404 succeeds", async () => {
    const key = await store.put(digestOf(pattern(9)), pattern(9));
    failing("delete", { refuse: { status: 500, code: "InternalError" } });
    await assert.rejects(store.delete(key), { code: "S3_InternalError" });
    failing("delete", { refuse: { status: 404, code: "NoSuchKey" } });
    await store.delete(key);
    await readsBack(key, pattern(9));
  });

  test("a missing object is undefined, and a missing bucket is an error", async () => {
    const key = await store.put(digestOf(pattern(9)), pattern(9));
    stub.bucket.objects.clear();
    assert.equal(await store.stat(key), undefined);
    assert.equal(await store.open(key), undefined);
    stub.fault = () => ({ refuse: { status: 404, code: "NoSuchBucket" } });
    await assert.rejects(store.stat(key), { code: "S3_NotFound" });
    await assert.rejects(store.open(key), { code: "S3_NoSuchBucket" });
    await assert.rejects(store.probe(), { code: "S3_NoSuchBucket" });
  });

  test("after a part fails, uploadSize ends before that part, and an append continues there", async () => {
    const bytes = pattern(6 * partSize);
    stub.fault = ({ operation, partNumber }) =>
      operation === "part" && partNumber === 3
        ? { refuse: { status: 403, code: "AccessDenied" } }
        : undefined;
    const upload = await store.begin();
    await assert.rejects(store.append(upload, 0, chunks(bytes, 10_000)), {
      code: "S3_AccessDenied",
    });
    const size = await store.uploadSize(upload);
    assert.equal(size, 2 * partSize);
    stub.fault = () => undefined;
    await store.append(upload, size, chunks(bytes.subarray(size), 10_000));
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an upload whose creation fails has 0 bytes, and the next append creates it", async () => {
    const bytes = pattern(3 * partSize);
    failing("create", { refuse: { status: 403, code: "AccessDenied" } }, 1);
    const upload = await store.begin();
    await assert.rejects(store.append(upload, 0, chunks(bytes, 10_000)));
    assert.equal(await store.uploadSize(upload), 0);
    await store.append(upload, 0, chunks(bytes, 10_000));
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an outdated object list hides neither a multipart upload nor the committed blob", async () => {
    const bytes = pattern(2 * partSize + 3);
    const upload = await begun(bytes);
    failing("list", { lie: { status: 200, body: "<ListBucketResult></ListBucketResult>" } });
    const listed: string[] = [];
    for await (const reference of store.listUploads()) listed.push(reference);
    assert.deepEqual(listed, [upload], "the multipart upload still tells of it");
    await readsBack(await store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an append whose source and store both fail throws the error of the store", async () => {
    failing("put", { refuse: { status: 403, code: "AccessDenied" } });
    const source = async function* (): ByteSource {
      yield pattern(10);
      throw new Error("the client went away");
    };
    const upload = await store.begin();
    await assert.rejects(store.append(upload, 0, source()), { code: "S3_AccessDenied" });
  });
});
