import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import { chunkOf, imageOf, inWorld, isCode, named, pushBlob, pushImage, put } from "./support.ts";
import type { World } from "./support.ts";

const repository = named("team/new");
const nowMs = Date.now();

/** Counts what remains of the repository in the tables that refer to it, and in the store. */
async function leftovers(world: World): Promise<object> {
  const count = (query: string): Promise<unknown> => world.tables.value(query);
  return {
    ...(await world.stored()),
    repositories: await count("SELECT count(*) FROM repositories"),
    documents: await count("SELECT count(*) FROM search_documents"),
    links: await count("SELECT count(*) FROM blob_links"),
  };
}
const nothing = { blobs: 0, uploads: 0, repositories: 0, documents: 0, links: 0 };
const isThere = async ({ database }: World): Promise<boolean> =>
  (await database.repositories.find(repository)) !== undefined;

describe("a repository created by a push that is rejected or not completed", () => {
  const refused: Readonly<Record<string, (world: World) => Promise<void>>> = {
    "because the second blob does not fit the quota": async (world) => {
      await world.database.commands.setQuota({
        ...{ namespace: "team", limitBytes: 10, nowMs, actor: openModeClient },
      });
      await pushBlob(world, repository, "first");
      await assert.rejects(pushBlob(world, repository, "does not fit"), isCode("DENIED"));
    },
    "because its manifest names a blob that is missing": async (world) => {
      await pushBlob(world, repository, "first");
      const manifest = put(world, repository, "1", imageOf("absent"));
      await assert.rejects(manifest, isCode("MANIFEST_BLOB_UNKNOWN"));
    },
    "because its manifest is of an unknown type, after a mount": async (world) => {
      const from = named("team/source");
      const digest = await pushBlob(world, from, "mounted");
      const mount = { actor: openModeClient, digest, from, repository, mayRead: () => true };
      await world.registry.blobs.mount(mount);
      const manifest = put(world, repository, "1", Buffer.from('{"mediaType":"a/b"}'));
      await assert.rejects(manifest, isCode("MANIFEST_INVALID"));
    },
  };
  for (const [why, push] of Object.entries(refused))
    test(
      `is deleted after the grace period, except its audit rows (${why})`,
      inWorld(async (world) => {
        await push(world);
        assert.equal(await isThere(world), true);
        await world.collectAll();
        assert.deepEqual(await leftovers(world), nothing);
        const rows = (await world.audit()).filter((row) => String(row).endsWith(` ${repository}`));
        assert.deepEqual(rows, [`repo.create ${repository}`, `repo.delete ${repository}`]);
      }),
    );

  test(
    "is deleted together with the permission that its creator, an editor, got",
    inWorld(async (world) => {
      await world.tables.exec(`
        INSERT INTO accounts (id, name, kind, created_at) VALUES (13, 'tom', 'user', 0), (20, 'team', 'organisation', 0);
        INSERT INTO members VALUES (20, 13, 'editor', 0)`);
      await pushBlob(world, repository, "first", { ...openModeClient, accountId: 13, name: "tom" });
      await world.collectAll();
      assert.deepEqual(await leftovers(world), nothing);
      assert.equal(await world.tables.value("SELECT count(*) FROM collaborators"), 0);
    }),
  );

  test(
    "is kept while an upload is open in it",
    inWorld(async (world) => {
      const { uploads } = world.registry;
      await pushBlob(world, repository, "first");
      const id = await uploads.start(openModeClient, repository);
      await uploads.append({ actor: openModeClient, repository, id }, chunkOf("some"));
      await uploads.close();
      await world.collectAll();
      assert.equal(await isThere(world), true);
      await uploads.cancel({ actor: openModeClient, repository, id });
      await world.collectAll();
      assert.deepEqual(await leftovers(world), nothing);
    }),
  );
});

describe("an empty repository", () => {
  const actor = openModeClient;
  const user = { ...openModeClient, accountId: 13, name: "tom" };
  const kept: Record<string, (world: World) => Promise<unknown>> = {
    "when a user created it": ({ registry }) =>
      registry.repositories.create(actor, repository, "private"),
    "when a user created it before the push": async (world) => {
      await world.registry.repositories.create(actor, repository, "private");
      await pushBlob(world, repository, "first");
    },
    "when a user created it after the push": async (world) => {
      await pushBlob(world, repository, "first");
      await world.registry.repositories.create(actor, repository, "private");
    },
    "when it had a manifest": async (world) => {
      await pushImage(world, repository, "1", "layer");
      const { manifests } = world.registry;
      await manifests.delete(actor, repository, parseReference(digestOf(imageOf("layer"))));
    },
  };
  const set: typeof kept = {
    visibility: ({ registry }) => registry.repositories.setVisibility(actor, repository, "public"),
    "immutable tags": ({ registry }) =>
      registry.repositories.setImmutableTags(actor, repository, ["1"]),
    "a description": ({ database }) =>
      database.commands.setDescription({ actor, nowMs, repository, short: "for later" }),
    "a star": ({ database }) => database.commands.star({ actor: user, nowMs, repository }),
    "a permission for a user": ({ database }) =>
      database.commands.setCollaborator({
        ...{ actor, nowMs, repository, user: "tom", permission: "read" },
      }),
    "a permission for a team": ({ database }) =>
      database.commands.setTeamPermission({
        ...{ actor, nowMs, repository, organisation: "team", team: "devs", permission: "read" },
      }),
  };
  for (const [what, work] of Object.entries(set))
    kept[`when a user has set ${what} after the push`] = async (world) => {
      await world.tables.exec(`
        INSERT INTO accounts (id, name, kind, created_at) VALUES (13, 'tom', 'user', 0), (20, 'team', 'organisation', 0);
        INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, 20, 'devs', 0)`);
      await pushBlob(world, repository, "first");
      await work(world);
    };

  for (const [why, make] of Object.entries(kept))
    test(
      `is kept by the collector ${why}`,
      inWorld(async (world) => {
        await make(world);
        await world.collectAll();
        assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
        assert.equal(await isThere(world), true);
      }),
    );
});
