import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { UploadOffsetError, type BlobStore, type ByteSource } from "../../storage/blob-store.ts";
import { chunks, pattern, read } from "./bytes.ts";

/** Defines the contract tests of a driver. Every test must leave the store empty. */
export function describeDriver(
  name: string,
  openStore: () => Promise<BlobStore>,
  moreSizes: readonly number[] = [],
): void {
  describe(`${name} keeps the blob store contract:`, () => {
    const withStore = (work: (store: BlobStore) => Promise<void>) => async (): Promise<void> => {
      const store = await openStore();
      try {
        await work(store);
        assert.deepEqual(await all(store.list()), [], "a blob was left behind");
        assert.deepEqual(await all(store.listUploads()), [], "an upload was left behind");
      } finally {
        await store.close();
      }
    };

    for (const size of [0, 1, 65_535, 65_536, 1_048_576, 1_048_577, 5_000_000, ...moreSizes]) {
      test(
        `a blob of ${size} bytes stored by one put reads back unchanged`,
        withStore(async (store) => {
          const bytes = pattern(size);
          const key = await store.put(digestOf(bytes), bytes);
          assert.deepEqual(await store.stat(key), { sizeBytes: size });
          assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
          await store.delete(key);
        }),
      );

      test(
        `a blob of ${size} bytes appended in unequal chunks reads back unchanged`,
        withStore(async (store) => {
          const bytes = pattern(size);
          const upload = await store.begin();
          const half = Math.floor(size / 2);
          const offset = await store.append(upload, 0, chunks(bytes.subarray(0, half), 40_001));
          assert.equal(offset, half);
          assert.equal(await store.uploadSize(upload), half);
          assert.equal(await store.append(upload, half, chunks(bytes.subarray(half), 7_919)), size);
          assert.equal(Buffer.compare(await read(await store.openUpload(upload)), bytes), 0);
          const key = await store.commit(upload, digestOf(bytes));
          assert.equal(await store.uploadSize(upload), 0);
          assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
          await store.delete(key);
        }),
      );
    }

    test(
      "a read of a range returns exactly the bytes of the range",
      withStore(async (store) => {
        const bytes = pattern(3_000_000);
        const key = await store.put(digestOf(bytes), bytes);
        for (const [start, end] of [
          [0, 0],
          [0, 99],
          [2_999_999, 2_999_999],
          [1_048_575, 1_048_576],
          [1, 2_999_998],
        ] as const) {
          const part = await read(await store.open(key, { start, end }));
          assert.equal(Buffer.compare(part, bytes.subarray(start, end + 1)), 0, `${start}-${end}`);
        }
        await store.delete(key);
      }),
    );

    test(
      "a read of a range beyond the end of the blob fails",
      withStore(async (store) => {
        const key = await store.put(digestOf(pattern(100)), pattern(100));
        await assert.rejects(async () => read(await store.open(key, { start: 0, end: 100 })));
        await store.delete(key);
      }),
    );

    test(
      "one digest stored twice gets two keys, and deleting one key keeps the other",
      withStore(async (store) => {
        const bytes = pattern(10);
        const digest = digestOf(bytes);
        const first = await store.put(digest, bytes);
        const upload = await store.begin();
        await store.append(upload, 0, chunks(bytes, 3));
        const second = await store.commit(upload, digest);
        assert.notEqual(first, second);
        await store.delete(first);
        assert.equal(await store.stat(first), undefined);
        assert.equal(Buffer.compare(await read(await store.open(second)), bytes), 0);
        await store.delete(second);
      }),
    );

    test(
      "a blob with a sha512 digest is stored with its size",
      withStore(async (store) => {
        const bytes = pattern(11);
        const key = await store.put(digestOf(bytes, "sha512"), bytes);
        assert.deepEqual(await store.stat(key), { sizeBytes: 11 });
        await store.delete(key);
      }),
    );

    for (const size of [0, 10, 300_000, ...moreSizes]) {
      test(
        `an import of ${size} bytes keeps the other store's key, and a failed import stores nothing`,
        withStore(async (store) => {
          const bytes = pattern(size);
          const ulid = (last: string): string => `01J9ZZZZZZZZZZZZZZZZZZZZZ${last}`;
          const keys = [
            `blobs/sha256/ab/${"ab".repeat(32)}.${ulid("A")}`,
            `blobs/multipart/ZZ/${ulid("Z")}.${ulid("B")}`,
          ];
          const wrong = new Error("not the bytes that were meant");
          const failing = async function* (): ByteSource {
            yield* chunks(bytes, 40_000);
            throw wrong;
          };
          for (const key of keys) {
            await assert.rejects(store.importBlob(key, failing()), wrong);
            assert.equal(await store.stat(key), undefined);
            await store.importBlob(key, chunks(bytes, 40_000));
            assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
            assert.deepEqual(
              (await all(store.list())).map((object) => object.key),
              [key],
            );
            await store.delete(key);
          }
        }),
      );
    }

    test(
      "a missing blob is undefined, a missing upload is empty, and deleting or aborting it succeeds",
      withStore(async (store) => {
        const key = await store.put(digestOf(pattern(5)), pattern(5));
        await store.delete(key);
        await store.delete(key);
        assert.equal(await store.stat(key), undefined);
        assert.equal(await store.open(key), undefined);
        const upload = await store.begin();
        assert.equal(await store.uploadSize(upload), 0);
        assert.equal((await read(await store.openUpload(upload))).length, 0);
        await store.abort(upload);
      }),
    );

    test(
      "an append at an offset other than the end is rejected and changes nothing",
      withStore(async (store) => {
        const upload = await store.begin();
        await store.append(upload, 0, chunks(pattern(10), 10));
        for (const offset of [0, 9, 11]) {
          await assert.rejects(
            store.append(upload, offset, chunks(pattern(5), 5)),
            UploadOffsetError,
          );
        }
        assert.equal(await store.uploadSize(upload), 10);
        await store.abort(upload);
        assert.equal(await store.uploadSize(upload), 0);
      }),
    );

    test(
      "an append whose source fails throws that error and keeps the bytes before it",
      withStore(async (store) => {
        const bytes = pattern(200_000);
        const upload = await store.begin();
        const cut = new Error("the client went away");
        const failing = async function* (): ByteSource {
          yield* chunks(bytes, 50_000);
          throw cut;
        };
        await assert.rejects(store.append(upload, 0, failing()), cut);
        assert.equal(await store.uploadSize(upload), bytes.length);
        assert.equal(Buffer.compare(await read(await store.openUpload(upload)), bytes), 0);
        await store.delete(await store.commit(upload, digestOf(bytes)));
      }),
    );

    test(
      "list returns the blobs with their sizes, and listUploads returns the open uploads",
      withStore(async (store) => {
        const key = await store.put(digestOf(pattern(7)), pattern(7));
        const upload = await store.begin();
        await store.append(upload, 0, chunks(pattern(3), 3));
        assert.deepEqual(
          (await all(store.list())).map(({ key, sizeBytes }) => ({ key, sizeBytes })),
          [{ key, sizeBytes: 7 }],
        );
        assert.deepEqual(await all(store.listUploads()), [upload]);
        await store.abort(upload);
        await store.delete(key);
      }),
    );

    test(
      "50 concurrent uploads do not mix, and a reader that stops early does not block later reads",
      withStore(async (store) => {
        const keys = await Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const bytes = pattern(70_000 + index);
            const upload = await store.begin();
            await store.append(upload, 0, chunks(bytes, 9_000));
            return { bytes, key: await store.commit(upload, digestOf(bytes)) };
          }),
        );
        for (const { bytes, key } of keys) {
          for await (const _ of (await store.open(key)) ?? []) break;
          assert.equal(Buffer.compare(await read(await store.open(key)), bytes), 0);
          await store.delete(key);
        }
      }),
    );

    test(
      "identity returns the id of the last claim, and list does not return the claim as a blob",
      withStore(async (store) => {
        await store.claim("an earlier id");
        await store.claim("an id");
        assert.equal(await store.identity(), "an id");
        assert.deepEqual(await all(store.list()), []);
      }),
    );

    test(
      "a probe of a healthy store succeeds",
      withStore(async (store) => {
        await store.probe();
      }),
    );
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
