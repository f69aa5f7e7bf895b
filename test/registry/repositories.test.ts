import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import { kim, mia, root, rows, tom, withAccounts, zoe } from "./accounts.ts";
import {
  as,
  imageOf,
  inWorld,
  isCode,
  named,
  pushBlob,
  pushImage,
  put,
  type World,
} from "./support.ts";

const emptyIndex = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [],
});

describe("a repository that a push creates", () => {
  const inTeam = (work: (world: World) => Promise<void>, rules = {}) =>
    inWorld(async (world) => {
      await withAccounts(world);
      await work(world);
    }, rules);

  test(
    "is created only for the namespace's user, organisation owners and editors, and administrators",
    inTeam(async (world) => {
      await pushBlob(world, "mia/app", "x", mia);
      await pushBlob(world, "team/of-mia", "x", mia);
      await pushBlob(world, "team/of-tom", "x", tom);
      await pushBlob(world, "team/of-root", "x", root);
      await pushBlob(world, "team/of-a-robot", "x", as(20, "team"));
      await pushBlob(world, "alpine", "x", root);
      const denied = [
        ["mia/app2", tom],
        ["team/of-kim", kim],
        ["nobody/app", mia],
        ["zoe/app", zoe],
        ["library/busybox", mia],
        ["mirror/app", root],
        ["berth/app", root],
        ["mia/app3", as(99)],
      ] as const;
      for (const [name, actor] of denied) {
        await assert.rejects(pushBlob(world, name, "x", actor), isCode("DENIED"), name);
        const index = put(world, name, "1", Buffer.from(emptyIndex), { actor });
        await assert.rejects(index, isCode("DENIED"), name);
        assert.equal(await world.database.repositories.find(named(name)), undefined);
      }
    }),
  );

  test(
    "gets a collaborator row with admin permission for the editor that pushed",
    inTeam(async (world) => {
      await pushBlob(world, "team/of-mia", "x", mia);
      await pushBlob(world, "team/of-tom", "x", tom);
      const { id } = await world.registry.repositories.get(named("team/of-tom"));
      assert.deepEqual(await rows(world, "SELECT * FROM collaborators"), [
        { repository_id: id, user_id: 13, permission: "admin" },
      ]);
    }),
  );

  test(
    "in an unknown namespace creates one organisation, whose owner is the pushing administrator",
    inTeam(async (world) => {
      await Promise.all([pushBlob(world, "new/a", "x", root), pushBlob(world, "new/b", "y", root)]);
      const owners = `SELECT accounts.name, kind, role, user_id FROM accounts
        JOIN members ON members.organisation_id = accounts.id WHERE accounts.name = 'new'`;
      assert.deepEqual(await rows(world, owners), [
        { name: "new", kind: "organisation", role: "owner", user_id: 11 },
      ]);
      assert.deepEqual(await world.audit(), [
        "org.create new",
        "repo.create new/a",
        "repo.create new/b",
      ]);
    }),
  );

  test(
    "has the default visibility of the configuration",
    inTeam(
      async (world) => {
        await pushBlob(world, "mia/app", "x", mia);
        const { visibility } = await world.registry.repositories.get(named("mia/app"));
        assert.equal(visibility, "public");
      },
      { defaultVisibility: "public" },
    ),
  );

  test(
    "is not created if createOnPush is false: the push is rejected with NAME_UNKNOWN",
    inTeam(
      async (world) => {
        const isUnknown = isCode("NAME_UNKNOWN");
        await assert.rejects(pushBlob(world, "mia/app", "x", mia), isUnknown);
        await assert.rejects(put(world, "mia/app", "1", Buffer.from(emptyIndex)), isUnknown);
        assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
        const { repositories } = world.registry;
        assert.equal(await repositories.create(mia, named("mia/app"), "private"), true);
        assert.equal(await repositories.create(mia, named("mia/app"), "public"), false);
        assert.equal((await repositories.get(named("mia/app"))).visibility, "private");
        await pushBlob(world, "mia/app", "x", mia);
      },
      { createOnPush: false },
    ),
  );
});

describe("the history of a repository", () => {
  test(
    "has an audit row with actor and peer per pushed tag, change and deletion, and none per rejection",
    inWorld(async (world) => {
      await withAccounts(world);
      const { blobs, manifests, repositories } = world.registry;
      const image = imageOf("layer");
      const digest = await pushImage(world, "mia/app", "1", "layer", mia);
      await put(world, "mia/app", digest, image, { tags: ["2", "3"], actor: mia });
      await repositories.setImmutableTags(mia, named("mia/app"), ["1"]);
      await assert.rejects(manifests.delete(mia, named("mia/app"), parseReference("1")));
      await repositories.setImmutableTags(mia, named("mia/app"), null);
      await manifests.delete(root, named("mia/app"), parseReference("2"));
      await manifests.delete(root, named("mia/app"), parseReference(digest));
      await blobs.delete(mia, named("mia/app"), digestOf(Buffer.from("layer")));
      await repositories.setVisibility(mia, named("mia/app"), "public");
      await repositories.delete(root, named("mia/app"));
      assert.deepEqual(await world.audit(), [
        "repo.create mia/app",
        "repo.tag.push mia/app:1",
        "repo.tag.push mia/app:2",
        "repo.tag.push mia/app:3",
        "repo.immutable.tags.updated mia/app",
        "repo.immutable.tags.updated mia/app",
        "repo.tag.delete mia/app:2",
        "repo.tag.delete mia/app:1",
        "repo.tag.delete mia/app:3",
        `repo.manifest.delete mia/app@${digest}`,
        `repo.blob.delete mia/app@${digestOf(Buffer.from("layer"))}`,
        "repo.change_privacy mia/app",
        "repo.delete mia/app",
      ]);
      const who = "SELECT DISTINCT actor, account, peer FROM audit_log ORDER BY actor";
      assert.deepEqual(await rows(world, who), [
        { actor: "mia", account: "mia", peer: "192.0.2.1" },
        { actor: "root", account: "mia", peer: "192.0.2.1" },
      ]);
    }),
  );

  test(
    "names in tag_history the account that changed a tag, and no account in open mode",
    inWorld(async (world) => {
      await withAccounts(world);
      const first = await pushImage(world, "mia/app", "1", "layer", mia);
      const second = await pushImage(world, "mia/app", "1", "another", openModeClient);
      await world.registry.manifests.delete(root, named("mia/app"), parseReference("1"));
      const history = "SELECT actor, digest FROM tag_history ORDER BY id";
      assert.deepEqual(await rows(world, history), [
        { actor: "mia", digest: first },
        { actor: null, digest: second },
        { actor: "root", digest: null },
      ]);
    }),
  );
});
