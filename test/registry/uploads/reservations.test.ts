import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { nobody } from "../../support/pushes.ts";
import { as, chunkOf, inWorld, isCode, named, pushBlob } from "../support.ts";

const repository = named("team/app");
const small = { blobBytes: 10, sessionsPerAccount: 1_000 };
const few = { blobBytes: undefined, sessionsPerAccount: 3 };
const tooLarge = (error: unknown): boolean => {
  assert.ok(error instanceof OciError && error.status === 413, String(error));
  assert.match(error.message, /up to 10 bytes/);
  return true;
};

describe("a blob that is larger than limits.blobSize", () => {
  test(
    "is rejected with 413 in one request, in a session and with unknown length, and nothing is stored",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        await pushBlob(world, "team/app", "ten bytes.");
        await assert.rejects(pushBlob(world, "team/app", "eleven byte"), tooLarge);
        const open = async () => ({
          ...{ actor: nobody, repository, id: await uploads.start(nobody, repository) },
        });
        const parts = await open();
        await uploads.append(parts, chunkOf("ten bytes."));
        await assert.rejects(uploads.append(parts, chunkOf("!")), tooLarge);
        await assert.rejects(uploads.status(parts), isCode("BLOB_UPLOAD_UNKNOWN"));
        const source = Readable.from([Buffer.from("ten bytes."), Buffer.from("!")]);
        const chunk = { source, lengthBytes: undefined, range: undefined };
        const digest = digestOf(Buffer.from("ten bytes.!"));
        await assert.rejects(uploads.finish(await open(), digest, chunk), tooLarge);
        assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
      },
      {},
      small,
    ),
  );
});

describe("the number of open uploads of an account", () => {
  test(
    "is limited per account, and a cancelled upload permits a new one",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        const ids: string[] = [];
        for (let index = 0; index < 3; index += 1) ids.push(await uploads.start(as(7), repository));
        await assert.rejects(uploads.start(as(7), repository), (error: unknown) => {
          assert.ok(error instanceof OciError && error.code === "TOOMANYREQUESTS");
          assert.equal(error.headers?.["Retry-After"], "60");
          return true;
        });
        await uploads.start(as(8), repository);
        await uploads.cancel({ actor: as(7), repository, id: ids[0] ?? "" });
        await uploads.start(as(7), repository);
      },
      {},
      few,
    ),
  );

  test(
    "at the limit ends the oldest upload if it was idle for an hour, and accepts the new one",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        const old = await uploads.start(as(7), repository);
        const request = { actor: as(7), repository, id: old };
        await uploads.append(request, chunkOf("some"));
        world.connection.exec("UPDATE uploads SET touched_at = touched_at - 3600001");
        for (let index = 0; index < 3; index += 1) await uploads.start(as(7), repository);
        await assert.rejects(uploads.status(request), isCode("BLOB_UPLOAD_UNKNOWN"));
        assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      },
      {},
      few,
    ),
  );
});
