import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { copyBlobs, type Copied } from "../../src/maintenance/storage-copy.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { inWorld, pushBlob, type World } from "../registry/support.ts";

async function copyTo(world: World, to = createMemoryStore()) {
  await world.database.commands.claimInstance({ id: "instance" });
  const copied: Copied[] = [];
  for await (const one of copyBlobs({ from: world.store, to, database: world.database }))
    copied.push(one);
  return { to, copied };
}

async function keyOf({ database }: World, name: string, digest: string): Promise<string> {
  const found = await database.blobs.find(parseRepositoryName(name), digest as never);
  assert.ok(found);
  return found.storageKey;
}

describe("a copy of a store", () => {
  test(
    "omits a blob whose bytes do not match the digest in its row",
    inWorld(async (world) => {
      const good = await pushBlob(world, "team/app", "good bytes");
      const bad = await pushBlob(world, "team/app", "some bytes");
      const key = await keyOf(world, "team/app", bad);
      await world.store.delete(key);
      await world.store.importBlob(
        key,
        (async function* wrong() {
          yield Buffer.from("same sizes");
        })(),
      );
      const { to, copied } = await copyTo(world);
      const states = new Map(copied.map(({ blob, state }) => [blob.digest, state]));
      assert.equal(states.get(good), "copied");
      assert.equal(states.get(bad), "failed");
      assert.equal(await to.stat(key), undefined);
      assert.ok(await to.stat(await keyOf(world, "team/app", good)));
    }),
  );
});
