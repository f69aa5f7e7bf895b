import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { chunks, pattern } from "../bytes.ts";
import { partSize, settingsFor } from "./settings.ts";
import { useTwoStores } from "./two-stores.ts";

describe("s3 uploads:", () => {
  const stores = useTwoStores();
  const asked = (): string[] =>
    stores.stub.requests.map(({ operation, partNumber }) =>
      partNumber > 0 ? `${operation} ${partNumber}` : operation,
    );

  test("the id of a multipart upload is stored before its first part is sent", async () => {
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(pattern(4 * partSize), 9_000));
    const begun = asked().filter((request) => request !== "get");
    assert.deepEqual(begun.slice(0, 2), ["create", "put"]);
    await stores.here.abort(upload);
  });

  test("a blob of 8 parts needs 8 part requests, 6 other requests and no copy", async () => {
    const upload = await stores.here.begin();
    await stores.here.uploadSize(upload);
    stores.stub.requests.length = 0;
    const bytes = pattern(8 * partSize);
    await stores.here.append(upload, 0, chunks(bytes, 9_000));
    await stores.here.commit(upload, digestOf(bytes));
    const parts = asked().filter((request) => request.startsWith("part"));
    assert.equal(parts.length, 8);
    const others = asked().filter((request) => !request.startsWith("part"));
    assert.deepEqual(others, ["create", "put", "put", "complete", "head", "delete"]);
  });

  test("the stored state of an upload has the fields that earlier versions wrote", async () => {
    const upload = await stores.here.begin();
    await stores.here.append(upload, 0, chunks(pattern(partSize + 10), 9_000));
    const [, state] = [...stores.stub.bucket.objects].find(([key]) => key.endsWith(upload)) ?? [];
    const [line = ""] = String(state?.bytes).split("\n");
    const { version, multipart, parts, ...sizes } = JSON.parse(line) as Record<string, unknown>;
    assert.deepEqual(sizes, { partSize, tailBytes: 10 });
    assert.equal((parts as unknown[]).length, 1);
    assert.ok(typeof version === "string" && typeof multipart === "object");
  });

  test("an append beyond 10,000 parts is rejected with UPLOAD_TOO_LARGE", async () => {
    const small = createS3Store(
      settingsFor(stores.stub.endpoint, { partSize: 10, prefix: "small/" }),
    );
    assert.equal(small.capabilities.largestBlobBytes, 100_000);
    const upload = await small.begin();
    await assert.rejects(small.append(upload, 0, chunks(pattern(100_001), 10_000)), {
      code: "UPLOAD_TOO_LARGE",
    });
    assert.equal(await small.uploadSize(upload), 100_000);
    await small.abort(upload);
    await small.close();
  });
});
