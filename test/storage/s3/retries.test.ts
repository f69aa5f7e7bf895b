import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { chunks, pattern, read } from "../bytes.ts";
import { useFailingServer } from "./failing-server.ts";
import { impatience, partSize, settingsFor } from "./settings.ts";

describe("s3, when the server fails:", () => {
  const server = useFailingServer();

  test("a put that always gets 500 is sent as often as the retry policy permits", async () => {
    server.failing("put", { refuse: { status: 500, code: "InternalError" } });
    await assert.rejects(server.store.put(digestOf(pattern(5)), pattern(5)), {
      code: "S3_InternalError",
    });
    assert.equal(server.count("put"), impatience.attempts);
  });

  test("a put that gets 507 InsufficientStorage is sent once", async () => {
    server.failing("put", { refuse: { status: 507, code: "InsufficientStorage" } });
    await assert.rejects(server.store.put(digestOf(pattern(5)), pattern(5)), { status: 507 });
    assert.equal(server.count("put"), 1);
  });

  for (const [status, code] of [
    [500, "InternalError"],
    [503, "SlowDown"],
    [429, "TooManyRequests"],
  ] as const) {
    test(`a request is retried after answers of ${status}, and fails if they persist`, async () => {
      const bytes = pattern(5 * partSize + 100);
      const met = new Map<string, number>();
      server.stub.fault = ({ operation, key, partNumber }) => {
        const name = `${operation} ${key} ${partNumber}`;
        met.set(name, (met.get(name) ?? 0) + 1);
        return (met.get(name) ?? 0) < impatience.attempts
          ? { refuse: { status, code } }
          : undefined;
      };
      const upload = await server.begun(bytes);
      await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);

      server.stub.fault = () => ({ refuse: { status, code } });
      await assert.rejects(server.store.put(digestOf(bytes), bytes), {
        code: `S3_${code}`,
        status,
      });
    });
  }

  test("a put that gets 403 AccessDenied is not retried", async () => {
    server.failing("put", { refuse: { status: 403, code: "AccessDenied" } });
    await assert.rejects(server.store.put(digestOf(pattern(5)), pattern(5)), {
      code: "S3_AccessDenied",
    });
    assert.equal(server.count("put"), 1);
  });

  test("a part whose connection is reset is sent again with all of its bytes", async () => {
    const bytes = pattern(4 * partSize);
    server.failing("part", { cutAfterBytes: 30_000 }, 3);
    const upload = await server.begun(bytes);
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a part that gets 400 BadDigest is sent again", async () => {
    const bytes = pattern(2 * partSize);
    server.failing("part", { refuse: { status: 400, code: "BadDigest" } }, 2);
    const upload = await server.begun(bytes);
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a slow transfer does not time out while bytes move", async () => {
    const bytes = pattern(3 * partSize);
    const slow = createS3Store(settingsFor(server.stub.endpoint), { ...impatience, idleMs: 1_000 });
    server.stub.fault = ({ operation }) =>
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
      const hasty = createS3Store(settingsFor(server.stub.endpoint), {
        ...impatience,
        idleMs: 200,
      });
      const upload = await hasty.begin();
      server.failing(operation, { hang: true }, 1);
      await hasty.append(upload, 0, chunks(bytes, 10_000));
      const key = await hasty.commit(upload, digestOf(bytes));
      const small = await hasty.put(digestOf(pattern(3)), pattern(3));
      assert.deepEqual(await hasty.stat(small), { sizeBytes: 3 });
      assert.equal(Buffer.compare(await read(await hasty.open(key)), bytes), 0);
      await hasty.close();
    });
  }
});
