import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import { createS3Store } from "../../../storage/s3/store.ts";
import { startS3Stub, type S3Stub } from "../../support/s3/stub.ts";
import { impatience, partSize, settingsFor } from "./settings.ts";

type Store = ReturnType<typeof createS3Store>;

/** Gives each test of a suite a bucket, and two stores on it. */
export function useTwoStores() {
  let stub: S3Stub;
  let here: Store;
  let there: Store;

  beforeEach(async () => {
    // Amazon S3 requires a minimum part size, and Cloudflare R2 requires parts of equal size.
    stub = await startS3Stub({ leastPartBytes: partSize });
    here = createS3Store(settingsFor(stub.endpoint), impatience);
    there = createS3Store(settingsFor(stub.endpoint), impatience);
  });
  afterEach(async () => {
    assert.equal(here.heldBytes() + there.heldBytes(), 0, "a part's buffer was kept");
    await here.close();
    await there.close();
    await stub.close();
  });

  return {
    get stub(): S3Stub {
      return stub;
    },
    get here(): Store {
      return here;
    },
    /** The same bucket in another process, or after a restart. */
    get there(): Store {
      return there;
    },
  };
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
