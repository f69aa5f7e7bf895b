import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { pattern, read } from "../bytes.ts";
import { useFailingServer } from "./failing-server.ts";
import { impatience, settingsFor } from "./settings.ts";

describe("s3, when the server fails:", () => {
  const server = useFailingServer();

  for (const [what, fault] of [
    ["is reset", { cutAfterBytes: 50_000 }],
    ["ends early", { moreBytes: 10 }],
  ] as const) {
    test(`a read that ${what} throws and never looks complete`, async () => {
      const bytes = pattern(200_000);
      const key = await server.store.put(digestOf(bytes), bytes);
      server.failing("get", fault);
      await assert.rejects(async () => read(await server.store.open(key)), { code: /^S3_/ });
    });
  }

  test("a read times out if S3 stops sending, but not if its reader is slow", async () => {
    const bytes = pattern(2_000_000);
    const hasty = createS3Store(settingsFor(server.stub.endpoint), { ...impatience, idleMs: 200 });
    const key = await hasty.put(digestOf(bytes), bytes);
    const pieces: Buffer[] = [];
    for await (const piece of (await hasty.open(key)) ?? []) {
      if (pieces.length < 2) await new Promise((resolve) => setTimeout(resolve, 500));
      pieces.push(Buffer.from(piece));
    }
    assert.equal(Buffer.compare(Buffer.concat(pieces), bytes), 0);
    server.failing("get", { stallAfterBytes: 1_000 });
    await assert.rejects(async () => read(await hasty.open(key)), { code: "S3_TimeoutError" });
    await hasty.close();
  });

  test("after a denied signed URL the SDK reads, without a request with the next URL", async () => {
    const key = await server.store.put(digestOf(pattern(9)), pattern(9));
    server.stub.fault = ({ isSignedUrl }) =>
      isSignedUrl ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
    for (let reads = 0; reads < 3; reads += 1)
      assert.deepEqual(await read(await server.store.open(key)), pattern(9));
    const gets = server.stub.requests.filter(({ operation }) => operation === "get");
    assert.deepEqual(
      gets.map(({ isSignedUrl }) => isSignedUrl),
      [true, false, false, false],
    );
  });

  test("an overloaded S3 and an object that nobody may read do not end the use of signed URLs", async () => {
    const key = await server.store.put(digestOf(pattern(9)), pattern(9));
    for (const status of [503, 403]) {
      server.stub.fault = ({ operation, isSignedUrl }) =>
        operation === "get" && (isSignedUrl || status === 403)
          ? { refuse: { status, code: "Refused" } }
          : undefined;
      if (status === 503) assert.deepEqual(await read(await server.store.open(key)), pattern(9));
      else await assert.rejects(async () => read(await server.store.open(key)));
      server.stub.requests.length = 0;
      await server.readsBack(key, pattern(9));
      assert.deepEqual(
        server.stub.requests.map(({ isSignedUrl }) => isSignedUrl),
        [true],
        String(status),
      );
    }
  });

  test("a missing object does not end the use of signed URLs", async () => {
    const key = await server.store.put(digestOf(pattern(9)), pattern(9));
    const missing = await server.store.put(digestOf(pattern(8)), pattern(8));
    await server.store.delete(missing);
    assert.equal(await server.store.open(missing), undefined);
    server.stub.requests.length = 0;
    assert.deepEqual(await read(await server.store.open(key)), pattern(9));
    assert.deepEqual(
      server.stub.requests.map(({ isSignedUrl }) => isSignedUrl),
      [true],
    );
  });

  test("a delete that gets 500 fails, and a delete that gets 404 succeeds", async () => {
    const key = await server.store.put(digestOf(pattern(9)), pattern(9));
    server.failing("delete", { refuse: { status: 500, code: "InternalError" } });
    await assert.rejects(server.store.delete(key), { code: "S3_InternalError" });
    server.failing("delete", { refuse: { status: 404, code: "NoSuchKey" } });
    await server.store.delete(key);
    await server.readsBack(key, pattern(9));
  });

  test("a missing object is undefined, and a missing bucket is an error", async () => {
    const key = await server.store.put(digestOf(pattern(9)), pattern(9));
    server.stub.bucket.objects.clear();
    assert.equal(await server.store.stat(key), undefined);
    assert.equal(await server.store.open(key), undefined);
    server.stub.fault = () => ({ refuse: { status: 404, code: "NoSuchBucket" } });
    await assert.rejects(server.store.stat(key), { code: "S3_NotFound" });
    await assert.rejects(server.store.open(key), { code: "S3_NoSuchBucket" });
    await assert.rejects(server.store.probe(), { code: "S3_NoSuchBucket" });
  });
});
