import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openModeClient } from "../support/pushes.ts";
import { inWorld, named, pushBlob } from "./support.ts";

describe("a mount", () => {
  test(
    "links no blob that the client may not read, with or without a named source repository",
    inWorld(async (world) => {
      const digest = await pushBlob(world, "secret/app", "secret");
      const { blobs } = world.registry;
      const target = { actor: openModeClient, repository: named("team/app"), digest };
      const mayRead = (name: string): boolean => name !== "secret/app";
      for (const from of [named("secret/app"), undefined])
        assert.equal(await blobs.mount({ ...target, from, mayRead }), false);
      assert.equal(await world.database.repositories.find(named("team/app")), undefined);
      await pushBlob(world, "open/app", "secret");
      assert.equal(await blobs.mount({ ...target, from: named("secret/app"), mayRead }), false);
      assert.equal(await blobs.mount({ ...target, from: undefined, mayRead }), true);
    }),
  );
});
