import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import type { ByteSource } from "../../../storage/blob-store.ts";
import { chunks, pattern } from "../bytes.ts";
import { useFailingServer } from "./failing-server.ts";
import { partSize } from "./settings.ts";

describe("s3, when the server fails:", () => {
  const server = useFailingServer();

  test("after a part fails, uploadSize ends before that part, and an append continues there", async () => {
    const bytes = pattern(6 * partSize);
    server.stub.fault = ({ operation, partNumber }) =>
      operation === "part" && partNumber === 3
        ? { refuse: { status: 403, code: "AccessDenied" } }
        : undefined;
    const upload = await server.store.begin();
    await assert.rejects(server.store.append(upload, 0, chunks(bytes, 10_000)), {
      code: "S3_AccessDenied",
    });
    const size = await server.store.uploadSize(upload);
    assert.equal(size, 2 * partSize);
    server.stub.fault = () => undefined;
    await server.store.append(upload, size, chunks(bytes.subarray(size), 10_000));
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an upload whose creation fails has 0 bytes, and the next append creates it", async () => {
    const bytes = pattern(3 * partSize);
    server.failing("create", { refuse: { status: 403, code: "AccessDenied" } }, 1);
    const upload = await server.store.begin();
    await assert.rejects(server.store.append(upload, 0, chunks(bytes, 10_000)));
    assert.equal(await server.store.uploadSize(upload), 0);
    await server.store.append(upload, 0, chunks(bytes, 10_000));
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an outdated object list hides neither a multipart upload nor the committed blob", async () => {
    const bytes = pattern(2 * partSize + 3);
    const upload = await server.begun(bytes);
    server.failing("list", { lie: { status: 200, body: "<ListBucketResult></ListBucketResult>" } });
    const listed: string[] = [];
    for await (const reference of server.store.listUploads()) listed.push(reference);
    assert.deepEqual(listed, [upload], "the multipart upload still tells of it");
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("an append whose source and store both fail throws the error of the store", async () => {
    server.failing("put", { refuse: { status: 403, code: "AccessDenied" } });
    const source = async function* (): ByteSource {
      yield pattern(10);
      throw new Error("the client went away");
    };
    const upload = await server.store.begin();
    await assert.rejects(server.store.append(upload, 0, source()), { code: "S3_AccessDenied" });
  });
});
