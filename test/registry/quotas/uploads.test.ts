import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { openModeClient } from "../../support/pushes.ts";
import { chunkOf, inWorld, isCode, named, pushBlob } from "../support.ts";
import { isDenied, limit, used } from "./support.ts";

describe("a quota and the uploads of its namespace", () => {
  test(
    "ends an upload session whose blob exceeds it, and deletes its bytes",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const repository = named("team/a");
      const id = await world.registry.uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await world.registry.uploads.append(claim, chunkOf("too much "));
      const digest = await pushBlob(world, "other/a", "too much for it");
      const { uploads } = world.registry;
      await assert.rejects(uploads.finish(claim, digest, chunkOf("for it")), isDenied);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
    }),
  );

  test(
    "ends an upload session whose closing request has a whole blob that exceeds it",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const repository = named("team/a");
      const { uploads } = world.registry;
      const claim = {
        actor: openModeClient,
        repository,
        id: await uploads.start(openModeClient, repository),
      };
      const bytes = "too much for it";
      const closing = uploads.finish(claim, digestOf(Buffer.from(bytes)), chunkOf(bytes));
      await assert.rejects(closing, isDenied);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
    }),
  );

  test(
    "that was lowered after the last chunk rejects the close, which ends the session and its reservation",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const id = await uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await uploads.append(claim, chunkOf("eight..."));
      await limit(world, "team", 5);
      const digest = digestOf(Buffer.from("eight..."));
      await assert.rejects(uploads.finish(claim, digest, undefined), isDenied);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      await pushBlob(world, "team/b", "five.");
    }),
  );

  test(
    "rejects an append that exceeds it before the body is read, and releases the session's bytes",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const id = await uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await uploads.append(claim, chunkOf("eight..."));
      let isRead = false;
      const source = Readable.from(
        (function* () {
          isRead = true;
          yield Buffer.from("four");
        })(),
      );
      const append = uploads.append(claim, { source, lengthBytes: 4, range: undefined });
      await assert.rejects(append, (error: unknown) => {
        assert.ok(isDenied(error) && error instanceof OciError);
        assert.match(error.message, /10 bytes: 0 are used, and this upload needs 12$/);
        return true;
      });
      assert.equal(isRead, false);
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
    }),
  );

  test(
    "aborts an append of unknown length that exceeds it, before the whole body is read",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const claim = {
        actor: openModeClient,
        repository,
        id: await uploads.start(openModeClient, repository),
      };
      await uploads.close();
      let pieces = 0;
      const source = Readable.from(
        (function* () {
          for (; pieces < 100; pieces += 1) yield Buffer.from("four");
        })(),
        { highWaterMark: 1 },
      );
      const append = uploads.append(claim, { source, lengthBytes: undefined, range: undefined });
      await assert.rejects(append, isDenied);
      assert.ok(pieces < 10, `${pieces} pieces were read`);
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
    }),
  );

  test(
    "releases the reserved bytes that an append of unknown length did not use",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const id = await uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await uploads.append(claim, { ...chunkOf("four"), lengthBytes: undefined });
      await uploads.close();
      await pushBlob(world, "team/b", "six...");
      await assert.rejects(pushBlob(world, "team/b", "7"), isDenied);
    }),
  );

  test(
    "counts the bytes of an open upload until the upload is cancelled or closed",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const begin = async () => ({
        ...{
          actor: openModeClient,
          repository,
          id: await uploads.start(openModeClient, repository),
        },
      });
      const [first, second] = [await begin(), await begin()];
      await uploads.append(first, chunkOf("eight..."));
      await uploads.close();
      await assert.rejects(pushBlob(world, "team/b", "four"), isDenied);
      await uploads.append(second, chunkOf("2!"));
      await uploads.cancel(first);
      await pushBlob(world, "team/b", "four");
      await uploads.finish(second, digestOf(Buffer.from("2!")), undefined);
      assert.equal(await used(world, "team"), 6);
      await pushBlob(world, "team/b", "3!!");
    }),
  );
});
