import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { pattern } from "../bytes.ts";
import { useFailingServer } from "./failing-server.ts";
import { partSize } from "./settings.ts";

describe("s3, when the server fails:", () => {
  const server = useFailingServer();
  const blobs = (): readonly string[] =>
    [...server.stub.bucket.objects.keys()].filter((key) => key.includes("/blobs/"));

  for (const end of ["", "\n", "  \n"]) {
    test(`a commit fails if its completion gets 200 with an error body (ending in ${JSON.stringify(end)})`, async () => {
      const bytes = pattern(3 * partSize + 5);
      const upload = await server.begun(bytes);
      const body = `<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>${end}`;
      server.stub.fault = ({ operation }) =>
        operation === "complete" ? { refuseWith: { status: 200, body } } : undefined;
      await assert.rejects(server.store.commit(upload, digestOf(bytes)), { code: /^S3_/ });
      assert.deepEqual(blobs(), []);
      server.stub.fault = () => undefined;
      await server.store.abort(upload);
      assert.equal(server.stub.bucket.multiparts.size, 0);
    });
  }

  test("a commit fails with S3_NotCompleted if the completion's answer names no object", async () => {
    const bytes = pattern(3 * partSize);
    const upload = await server.begun(bytes);
    const body = '<?xml version="1.0"?>\n<CompleteMultipartUploadResult/>';
    server.stub.fault = ({ operation }) =>
      operation === "complete" ? { refuseWith: { status: 200, body } } : undefined;
    await assert.rejects(server.store.commit(upload, digestOf(bytes)), { code: "S3_NotCompleted" });
    server.stub.fault = () => undefined;
    await server.store.abort(upload);
  });

  test("a commit succeeds if its completion gets 500 twice and then succeeds", async () => {
    const bytes = pattern(3 * partSize);
    const upload = await server.begun(bytes);
    server.failing("complete", { refuse: { status: 500, code: "InternalError" } }, 2);
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
  });

  test("a commit succeeds if the answer to its first completion is lost", async () => {
    const bytes = pattern(2 * partSize + 1);
    const upload = await server.begun(bytes);
    server.failing("complete", { dropAnswer: true }, 1);
    await server.readsBack(await server.store.commit(upload, digestOf(bytes)), bytes);
    assert.equal(server.count("complete"), 2);
  });

  test("a commit fails if the key has an object of the same size with other bytes", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await server.begun(bytes);
    server.stub.fault = ({ operation, key }) => {
      if (operation !== "complete") return undefined;
      server.stub.bucket.put(
        key,
        { sizeBytes: bytes.length, bytes: Buffer.alloc(bytes.length), md5: "0".repeat(32) },
        {},
      );
      server.stub.bucket.multiparts.clear();
      return undefined;
    };
    await assert.rejects(server.store.commit(upload, digestOf(bytes)), { code: "S3_NoSuchUpload" });
  });

  test("a commit fails with S3_WrongSize if HEAD reports another size", async () => {
    const bytes = pattern(2 * partSize);
    const upload = await server.begun(bytes);
    server.stub.fault = ({ operation, key }) =>
      operation === "head" && key.includes("multipart") ? { moreBytes: 1 } : undefined;
    await assert.rejects(server.store.commit(upload, digestOf(bytes)), { code: "S3_WrongSize" });
  });
});
