import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import { createS3Store } from "../../../storage/s3/store.ts";
import type { Operation } from "../../support/s3/requests.ts";
import { startS3Stub, type Fault, type S3Stub } from "../../support/s3/stub.ts";
import { chunks, read } from "../bytes.ts";
import { impatience, settingsFor } from "./settings.ts";

type Store = ReturnType<typeof createS3Store>;

/** Gives each test of a suite its own S3 server, which fails as the test says, and a store on it. */
export function useFailingServer() {
  let stub: S3Stub;
  let store: Store;

  beforeEach(async () => {
    stub = await startS3Stub();
    store = createS3Store(settingsFor(stub.endpoint), impatience);
  });
  afterEach(async () => {
    assert.equal(store.heldBytes(), 0, "a part's buffer was kept");
    await store.close();
    await stub.close();
  });

  return {
    get stub(): S3Stub {
      return stub;
    },
    get store(): Store {
      return store;
    },
    /** Injects the fault into the first `times` requests of this operation. */
    failing(operation: Operation, fault: Fault, times = Infinity): void {
      let left = times;
      stub.fault = (request) => {
        if (request.operation !== operation || left <= 0) return undefined;
        left -= 1;
        return fault;
      };
    },
    count: (operation: Operation): number =>
      stub.requests.filter((request) => request.operation === operation).length,
    /** Begins an upload with these bytes. */
    async begun(bytes: Buffer): Promise<string> {
      const upload = await store.begin();
      await store.append(upload, 0, chunks(bytes, 10_000));
      return upload;
    },
    /** Ends the faults, and asserts that an acknowledged blob reads back. */
    async readsBack(key: string, bytes: Buffer): Promise<void> {
      stub.fault = () => undefined;
      assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
    },
  };
}
