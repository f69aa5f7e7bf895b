import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { withCheckedLength } from "../../../src/registry/uploads/chunk.ts";
import { openModeClient } from "../../support/pushes.ts";
import { chunkOf, inWorld, isCode, named, pushBlob } from "../support.ts";

const repository = named("team/app");
const small = { blobBytes: () => 10, sessionsPerAccount: () => 1_000 };
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
          ...{
            actor: openModeClient,
            repository,
            id: await uploads.start(openModeClient, repository),
          },
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

  test(
    "is rejected when a chunk of unknown length exceeds the limit together with the bytes before it",
    inWorld(
      async (world) => {
        const { uploads } = world.registry;
        const id = await uploads.start(openModeClient, repository);
        const claim = { actor: openModeClient, repository, id };
        await uploads.append(claim, chunkOf("six..."));
        const more = { ...chunkOf("5 more"), lengthBytes: undefined };
        await assert.rejects(uploads.append(claim, more), tooLarge);
      },
      {},
      small,
    ),
  );
});

test("a body that is longer than its headers announce ends before the piece that exceeds them", async () => {
  const source = Readable.from(["abc", "def", "ghi"].map((piece) => Buffer.from(piece)));
  const chunk = { source, lengthBytes: 4, range: undefined };
  const stored: string[] = [];
  const store = async (): Promise<void> => {
    for await (const piece of withCheckedLength(chunk, () => undefined))
      stored.push(Buffer.from(piece).toString());
  };
  await assert.rejects(store(), isCode("SIZE_INVALID"));
  assert.deepEqual(stored, ["abc"]);
});
