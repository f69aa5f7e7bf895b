import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { openModeClient } from "../../support/pushes.ts";
import { mia, root, tom, withAccounts } from "../accounts.ts";
import { chunkOf, inWorld, isCode, named, pushBlob } from "../support.ts";

describe("an upload session", () => {
  test(
    "answers BLOB_UPLOAD_UNKNOWN to other accounts, and they can't change it",
    inWorld(async (world) => {
      await withAccounts(world);
      const { uploads } = world.registry;
      const repository = named("team/app");
      const digest = await pushBlob(world, "team/app", "already here", mia);
      const id = await uploads.start(mia, repository);
      const mine = { actor: mia, repository, id };
      await uploads.append(mine, chunkOf("half"));
      const isUnknown = isCode("BLOB_UPLOAD_UNKNOWN");
      for (const actor of [root, tom, openModeClient]) {
        const theirs = { ...mine, actor };
        await assert.rejects(uploads.status(theirs), isUnknown);
        await assert.rejects(uploads.append(theirs, chunkOf("more")), isUnknown);
        await assert.rejects(uploads.finish(theirs, digest, undefined), isUnknown);
        await assert.rejects(uploads.finish(theirs, digest, chunkOf("already here")), isUnknown);
        await assert.rejects(uploads.cancel(theirs), isUnknown);
      }
      const elsewhere = { ...mine, repository: named("mia/app") };
      await assert.rejects(uploads.status(elsewhere), isUnknown);
      assert.equal(await uploads.status(mine), 4);
      await uploads.finish(mine, digestOf(Buffer.from("half done")), chunkOf(" done"));
      // A client may repeat a closing request that succeeded.
      await uploads.finish(mine, digestOf(Buffer.from("half done")), undefined);
    }),
  );
});
