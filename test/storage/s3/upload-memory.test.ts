import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import type { ByteSource } from "../../../storage/blob-store.ts";
import { createS3Store } from "../../../storage/s3/store.ts";
import { chunks, pattern, read } from "../bytes.ts";
import { impatience, partSize, settingsFor } from "./settings.ts";
import { useTwoStores } from "./two-stores.ts";

describe("s3 uploads:", () => {
  const stores = useTwoStores();

  for (const size of [partSize, partSize + 5_000]) {
    test(`a slow client's incomplete part is stored to free the buffer, and its blob of ${size} bytes is complete`, async () => {
      const one = createS3Store(
        settingsFor(stores.stub.endpoint, { uploadBuffer: partSize }),
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
      assert.equal(await stores.there.uploadSize(upload), 4_000, "it was not put aside");
      mayGoOn();
      assert.equal(await appending, size);
      assert.equal(await stores.there.uploadSize(upload), size);
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
    const store = createS3Store(
      settingsFor(stores.stub.endpoint, { uploadBuffer: budget }),
      impatience,
    );
    let most = 0;
    stores.stub.fault = () => {
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
});
