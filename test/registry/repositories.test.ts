import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import {
  as,
  chunkOf,
  imageOf,
  indexOf,
  inWorld,
  isCode,
  named,
  pushBlob,
  pushImage,
  put,
} from "./support.ts";
import type { World } from "./support.ts";

/** Accounts: 11 root (admin), 12 mia, 13 tom, 14 zoe (disabled); 20 team: owner mia, editor tom, member kim. */
function withAccounts({ connection }: World): void {
  connection.exec(`
    INSERT INTO accounts (id, name, kind, is_admin, disabled, created_at) VALUES
      (11, 'root', 'user', 1, 0, 0), (12, 'mia', 'user', 0, 0, 0), (13, 'tom', 'user', 0, 0, 0),
      (14, 'zoe', 'user', 0, 1, 0), (15, 'kim', 'user', 0, 0, 0), (20, 'team', 'organisation', 0, 0, 0);
    INSERT INTO members (organisation_id, user_id, role, created_at) VALUES
      (20, 12, 'owner', 0), (20, 13, 'editor', 0), (20, 15, 'member', 0);`);
}
const [root, mia, tom, zoe, kim] = [
  as(11, "root"),
  as(12, "mia"),
  as(13, "tom"),
  as(14, "zoe"),
  as(15, "kim"),
];
const rows = ({ connection }: World, query: string): unknown => connection.prepare(query).all();

describe("a repository that a push creates", () => {
  const inTeam = (work: (world: World) => Promise<void>, rules = {}) =>
    inWorld(async (world) => {
      withAccounts(world);
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
      assert.deepEqual(rows(world, "SELECT * FROM collaborators"), [
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
      assert.deepEqual(rows(world, owners), [
        { name: "new", kind: "organisation", role: "owner", user_id: 11 },
      ]);
      assert.deepEqual(world.audit(), ["org.create new", "repo.create new/a", "repo.create new/b"]);
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

const emptyIndex = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [],
});

describe("the history of a repository", () => {
  test(
    "has an audit row with actor and peer per pushed tag, change and deletion, and none per rejection",
    inWorld(async (world) => {
      withAccounts(world);
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
      assert.deepEqual(world.audit(), [
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
      assert.deepEqual(rows(world, who), [
        { actor: "mia", account: "mia", peer: "192.0.2.1" },
        { actor: "root", account: "mia", peer: "192.0.2.1" },
      ]);
    }),
  );

  test(
    "names in tag_history the account that changed a tag, and no account in open mode",
    inWorld(async (world) => {
      withAccounts(world);
      await pushImage(world, "mia/app", "1", "layer", mia);
      await pushImage(world, "mia/app", "1", "another", openModeClient);
      await world.registry.manifests.delete(root, named("mia/app"), parseReference("1"));
      const history = "SELECT actor, digest IS NULL AS removed FROM tag_history ORDER BY id";
      assert.deepEqual(rows(world, history), [
        { actor: "mia", removed: 0 },
        { actor: null, removed: 0 },
        { actor: "root", removed: 1 },
      ]);
    }),
  );
});

describe("deleting a repository", () => {
  const app = named("team/app");

  test(
    "deletes its rows and the blobs that only it links, and keeps the other repositories",
    inWorld(async (world) => {
      withAccounts(world);
      const { registry, connection } = world;
      await pushImage(world, "team/app", "1", "only here");
      await pushImage(world, "team/app", "2", "shared");
      await pushImage(world, "team/other", "1", "shared");
      const image = imageOf("shared");
      await put(world, "team/app", "all", indexOf(image));
      connection.exec(`
        INSERT INTO collaborators SELECT id, 12, 'read' FROM repositories;
        INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, 20, 'dev', 0);
        INSERT INTO team_permissions SELECT 1, id, 'read' FROM repositories;`);
      await registry.repositories.delete(openModeClient, app);

      await assert.rejects(
        registry.repositories.delete(openModeClient, app),
        isCode("NAME_UNKNOWN"),
      );
      await assert.rejects(
        registry.tags.list(app, { last: undefined, limit: 9 }),
        isCode("NAME_UNKNOWN"),
      );
      await assert.rejects(
        registry.blobs.get(app, digestOf(Buffer.from("shared"))),
        isCode("NAME_UNKNOWN"),
      );
      assert.deepEqual(await world.findings(), []);
      await world.collectAll();
      assert.deepEqual(await world.findings(), []);
      assert.deepEqual(await world.stored(), { blobs: 2, uploads: 0 });
      await registry.manifests.get(named("team/other"), parseReference("1"));
      await registry.blobs.get(named("team/other"), digestOf(Buffer.from("shared")));
      assert.deepEqual(connection.pragma("foreign_key_check"), []);
    }),
  );

  test(
    "leaves no rows and no settings to a new repository of the same name and id",
    inWorld(async (world) => {
      withAccounts(world);
      await pushImage(world, "team/app", "1", "a layer");
      const before = await world.registry.repositories.get(app);
      await world.registry.repositories.setImmutableTags(openModeClient, app, []);
      await world.registry.repositories.setVisibility(openModeClient, app, "public");
      world.connection.exec("INSERT INTO collaborators SELECT id, 12, 'admin' FROM repositories");
      await world.registry.repositories.delete(openModeClient, app);
      await pushBlob(world, "team/app", "new");
      const after = await world.registry.repositories.get(app);
      assert.deepEqual(after, { ...before, visibility: "private", immutableTags: null });
      const { items } = await world.registry.tags.list(app, { last: undefined, limit: 9 });
      assert.deepEqual(items, []);
      assert.deepEqual(rows(world, "SELECT * FROM tag_history"), []);
      assert.deepEqual(rows(world, "SELECT * FROM collaborators"), []);
      const old = digestOf(Buffer.from("a layer"));
      await assert.rejects(world.registry.blobs.get(app, old), isCode("BLOB_UNKNOWN"));
      await assert.rejects(
        put(world, "team/app", "1", imageOf("a layer")),
        isCode("MANIFEST_BLOB_UNKNOWN"),
      );
    }),
  );

  test(
    "ends its open uploads and deletes their bytes",
    inWorld(async (world) => {
      const { uploads, repositories } = world.registry;
      await pushBlob(world, "team/app", "x");
      const claim = {
        actor: openModeClient,
        repository: app,
        id: await uploads.start(openModeClient, app),
      };
      await uploads.append(claim, chunkOf("half of"));
      const other = named("team/other");
      const kept = { ...claim, repository: other, id: await uploads.start(openModeClient, other) };
      await uploads.append(kept, chunkOf("kept"));
      await repositories.delete(openModeClient, app);
      assert.equal((await world.stored()).uploads, 1);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.equal(await uploads.status(kept), 4);
    }),
  );

  test(
    "is not undone by an upload that closes at the same time",
    inWorld(async (world) => {
      const { uploads, repositories } = world.registry;
      await pushBlob(world, "team/app", "x");
      for (const large of [false, true]) {
        await repositories.create(openModeClient, app, "private");
        const content = "y".repeat(large ? 300_000 : 10);
        const claim = {
          actor: openModeClient,
          repository: app,
          id: await uploads.start(openModeClient, app),
        };
        const closing = uploads.finish(claim, digestOf(Buffer.from(content)), chunkOf(content));
        const [closed] = await Promise.allSettled([
          closing,
          repositories.delete(openModeClient, app),
        ]);
        const there = await world.database.repositories.find(app);
        if (closed.status === "fulfilled") assert.equal(there, undefined, "closed before");
        else assert.ok(isCode("BLOB_UPLOAD_UNKNOWN")(closed.reason), String(closed.reason));
        await world.collectAll();
        assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      }
    }),
  );

  test(
    "numbers the deletions in ascending order, and keeps the last number of each name",
    inWorld(async (world) => {
      for (const name of ["team/app", "team/b", "team/app"]) {
        await pushBlob(world, name, "x");
        await world.registry.repositories.delete(openModeClient, named(name));
      }
      assert.deepEqual(rows(world, "SELECT * FROM repository_removals ORDER BY sequence"), [
        { name: "team/b", sequence: 2 },
        { name: "team/app", sequence: 3 },
      ]);
    }),
  );
});

describe("an upload session", () => {
  test(
    "answers BLOB_UPLOAD_UNKNOWN to other accounts, and they can't change it",
    inWorld(async (world) => {
      withAccounts(world);
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
