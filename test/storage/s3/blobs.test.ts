import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { pattern } from "../bytes.ts";
import { settingsFor } from "./settings.ts";
import { useTwoStores } from "./two-stores.ts";

describe("s3 blobs:", () => {
  const stores = useTwoStores();

  test("two puts of the same blob get different keys", async () => {
    const [first, second] = [
      await stores.here.put(digestOf(pattern(9)), pattern(9)),
      await stores.here.put(digestOf(pattern(9)), pattern(9)),
    ];
    assert.notEqual(first, second);
  });

  test("a signed URL reads the blob, and is returned only if redirect is enabled", async () => {
    const key = await stores.here.put(digestOf(pattern(100)), pattern(100));
    assert.equal(await stores.here.signedUrl(key), undefined);
    const linking = createS3Store(settingsFor(stores.stub.endpoint, { redirect: true }));
    const link = await linking.signedUrl(key);
    assert.match(link ?? "", /X-Amz-Expires=60&/);
    const answer = await fetch(link ?? "");
    assert.equal(Buffer.compare(Buffer.from(await answer.arrayBuffer()), pattern(100)), 0);
    await linking.close();
  });
});
