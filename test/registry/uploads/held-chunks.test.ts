import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import type { Chunk } from "../../../src/registry/uploads/chunk.ts";
import { openModeClient } from "../../support/pushes.ts";
import { waitUntil } from "../../support/wait.ts";
import { inWorld, isCode, named, pushBlob, type World } from "../support.ts";

const repository = named("team/app");
const KiB = 1024;
const digestOfText = (text: string) => digestOf(Buffer.from(text));

/** A chunk of these pieces, with chunked transfer coding unless `lengthBytes` is given. */
const chunkOf = (pieces: readonly string[], lengthBytes?: number): Chunk => ({
  source: Readable.from(pieces.map((piece) => Buffer.from(piece))),
  lengthBytes,
  range: undefined,
});

/** Starts a session, and counts what reaches the store and how many sessions get a row. */
async function begin({ registry, store, tables }: World) {
  const calls: string[] = [];
  const original = { ...store };
  for (const name of ["append", "put", "commit"] as const)
    Object.assign(store, {
      [name]: (...given: unknown[]) => {
        calls.push(name);
        return Reflect.apply(original[name], store, given) as unknown;
      },
    });
  const id = await registry.uploads.start(openModeClient, repository);
  return {
    ...{ calls, uploads: registry.uploads, request: { actor: openModeClient, repository, id } },
    rows: () => tables.value("SELECT count(*) FROM uploads"),
  };
}

/** A chunk whose first piece arrives at once; `end` ends it. */
function openChunk(first: string) {
  const source = new Readable({ read: () => undefined });
  source.push(Buffer.from(first));
  const chunk: Chunk = { source, lengthBytes: undefined, range: undefined };
  return { chunk, source, end: () => source.push(null) };
}

describe("a small first chunk", () => {
  for (const [length, lengthBytes] of [
    ["known", 5],
    ["unknown", undefined],
  ] as const)
    test(
      `of ${length} length and a close without a body write the blob once, without a row of the session`,
      inWorld(async (world) => {
        const { uploads, request, calls, rows } = await begin(world);
        assert.equal(await uploads.append(request, chunkOf(["he", "llo"], lengthBytes)), 5);
        assert.equal(await uploads.status(request), 5);
        assert.equal(await rows(), 0);
        await uploads.finish(request, digestOfText("hello"), undefined);
        assert.deepEqual(calls, ["put"]);
        assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
        await assert.rejects(uploads.status(request), isCode("BLOB_UPLOAD_UNKNOWN"));
      }),
    );

  test(
    "goes to the store with the row of its session after 50 ms",
    inWorld(async (world) => {
      const { uploads, request, calls, rows } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      await waitUntil("the store has it", async () => (await world.stored()).uploads === 1);
      await waitUntil("the session has its row", async () => (await rows()) === 1);
      assert.equal(await uploads.status(request), 5);
      await uploads.finish(request, digestOfText("hello"), undefined);
      assert.deepEqual(calls, ["append", "commit"]);
    }),
  );

  test(
    "goes to the store before a second chunk",
    inWorld(async (world) => {
      const { uploads, request, calls } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      assert.equal(await uploads.append(request, chunkOf([" world"])), 11);
      await uploads.finish(request, digestOfText("hello world"), undefined);
      assert.deepEqual(calls, ["append", "append", "commit"]);
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
    }),
  );

  test(
    "is closed once by a request that comes while it goes to the store",
    inWorld(async (world) => {
      const { uploads, request, rows } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      const writing = uploads.close();
      await uploads.finish(request, digestOfText("hello"), undefined);
      await writing;
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
      assert.equal(await rows(), 0);
    }),
  );

  test(
    "leaves no bytes of its upload if the process closes during the closing request",
    inWorld(async (world) => {
      const { uploads, request, rows } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      const original = { ...world.store };
      world.store.put = async (...given) => {
        await uploads.close();
        return await original.put(...given);
      };
      await uploads.finish(request, digestOfText("hello"), undefined);
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
      assert.equal(await rows(), 0);
    }),
  );

  test(
    "with another digest than the closing request names ends the session",
    inWorld(async (world) => {
      const { uploads, request, calls } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      const closing = uploads.finish(request, digestOfText("other"), undefined);
      await assert.rejects(closing, isCode("DIGEST_INVALID"));
      await assert.rejects(uploads.status(request), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(calls, []);
    }),
  );

  test(
    "that its source cuts off is kept in the store, and the status tells its bytes",
    inWorld(async (world) => {
      const { uploads, request } = await begin(world);
      const { chunk, source } = openChunk("hello");
      const append = uploads.append(request, chunk);
      await new Promise(setImmediate);
      source.destroy(new Error("the client is gone"));
      await assert.rejects(append, /gone/);
      assert.equal(await uploads.status(request), 5);
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 1 });
    }),
  );

  test(
    "that comes slowly goes to the store when the session gets its row",
    inWorld(async (world) => {
      const { uploads, request, calls, rows } = await begin(world);
      const { chunk, source, end } = openChunk("hel");
      const append = uploads.append(request, chunk);
      await waitUntil("the session has its row", async () => (await rows()) === 1);
      source.push(Buffer.from("lo"));
      end();
      assert.equal(await append, 5);
      assert.deepEqual(calls, ["append"]);
      await uploads.finish(request, digestOfText("hello"), undefined);
    }),
  );

  test(
    "that the store cannot write fails the next request, which may come again",
    inWorld(async (world) => {
      const { uploads, request } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      const original = { ...world.store };
      world.store.append = () => Promise.reject(new Error("the disk is full"));
      await assert.rejects(uploads.append(request, chunkOf(["!"])), /full/);
      assert.equal(await uploads.status(request), 5);
      world.store.append = (...given) => original.append(...given);
      assert.equal(await uploads.append(request, chunkOf(["!"])), 6);
      await uploads.finish(request, digestOfText("hello!"), undefined);
    }),
  );

  test(
    "of a deleted repository is dropped",
    inWorld(async (world) => {
      await pushBlob(world, repository, "first");
      const { uploads, request, rows } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      await world.registry.repositories.delete(openModeClient, repository);
      const closing = uploads.finish(request, digestOfText("hello"), undefined);
      await assert.rejects(closing, isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.equal(await rows(), 0);
    }),
  );
});

test(
  "a first chunk of unknown length above 256 KiB goes to the store while it arrives",
  inWorld(async (world) => {
    const { uploads, request, calls } = await begin(world);
    const pieces = Array.from({ length: 5 }, (_, index) => String(index).repeat(64 * KiB));
    assert.equal(await uploads.append(request, chunkOf(pieces)), 320 * KiB);
    assert.deepEqual(calls, ["append"]);
    await uploads.finish(request, digestOfText(pieces.join("")), undefined);
    assert.deepEqual(calls, ["append", "commit"]);
  }),
);

const budgetedEnds: Record<string, (world: World, id: string, text: string) => Promise<unknown>> = {
  "a close": ({ registry }, id, text) =>
    registry.uploads.finish(claim(id), digestOfText(text), undefined),
  "a wrong digest": ({ registry }, id) =>
    registry.uploads.finish(claim(id), digestOfText("x"), undefined).catch(() => undefined),
  "a cancel": ({ registry }, id) => registry.uploads.cancel(claim(id)),
  "the row of the session": ({ registry }) => registry.uploads.close(),
  "the end of a repository": async ({ registry }) => registry.uploads.forgetUnpersisted(repository),
};
const claim = (id: string) => ({ actor: openModeClient, repository, id });

for (const [end, work] of Object.entries(budgetedEnds))
  test(
    `${end} releases the memory of a held chunk`,
    inWorld(async (world) => {
      const { uploads } = world.registry;
      const text = "a".repeat(256 * KiB);
      // 150 chunks of 256 KiB are more than the limit of 32 MiB for all chunks in memory.
      for (let count = 0; count < 150; count += 1) {
        const id = await uploads.start(openModeClient, repository);
        await uploads.append(claim(id), chunkOf([text], text.length));
        await work(world, id, text);
      }
      const { request, calls } = await begin(world);
      await uploads.append(request, chunkOf(["hello"]));
      await uploads.finish(request, digestOfText("hello"), undefined);
      assert.deepEqual(calls, ["put"]);
    }),
  );
