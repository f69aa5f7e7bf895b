import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expireUploads } from "../../../src/registry/uploads/expire.ts";
import { openModeClient } from "../../support/pushes.ts";
import { chunkOf, inWorld, isCode, named, type World } from "../support.ts";

const repository = named("team/app");
const idleMs = 3_600_000;

/** Opens an upload with a chunk whose last use was more than one hour ago. */
async function openIdleUpload({ registry: { uploads }, tables }: World) {
  const id = await uploads.start(openModeClient, repository);
  const request = { actor: openModeClient, repository, id };
  await uploads.append(request, chunkOf("some"));
  await uploads.close();
  await tables.exec(`UPDATE uploads SET touched_at = touched_at - ${idleMs + 1}`);
  return request;
}

describe("an upload that was idle for longer than limits.uploadExpiry", () => {
  test(
    "expires, and its bytes are deleted",
    inWorld(async (world) => {
      const { database, registry } = world;
      const { uploads } = registry;
      const request = await openIdleUpload(world);
      assert.equal(await expireUploads({ database, uploads }, Date.now() - idleMs), 1);
      await assert.rejects(uploads.status(request), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
    }),
  );

  test(
    "does not expire after its client has sent another chunk",
    inWorld(async (world) => {
      const { database, registry } = world;
      const { uploads } = registry;
      const request = await openIdleUpload(world);
      await uploads.append(request, chunkOf(" more"));
      assert.equal(await expireUploads({ database, uploads }, Date.now() - idleMs), 0);
      assert.equal(await uploads.status(request), 9);
    }),
  );
});
