import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import { rows, withAccounts } from "./accounts.ts";
import {
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

describe("deleting a repository", () => {
  const app = named("team/app");

  test(
    "deletes its rows and the blobs that only it links, and keeps the other repositories",
    inWorld(async (world) => {
      await withAccounts(world);
      const { registry, tables } = world;
      await pushImage(world, "team/app", "1", "only here");
      await pushImage(world, "team/app", "2", "shared");
      await pushImage(world, "team/other", "1", "shared");
      const image = imageOf("shared");
      await put(world, "team/app", "all", indexOf(image));
      await tables.exec(`
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
      assert.deepEqual(await tables.damage(), []);
    }),
  );

  test(
    "leaves no rows and no settings to a new repository of the same name and id",
    inWorld(async (world) => {
      await withAccounts(world);
      await pushImage(world, "team/app", "1", "a layer");
      const before = await world.registry.repositories.get(app);
      await world.registry.repositories.setImmutableTags(openModeClient, app, []);
      await world.registry.repositories.setVisibility(openModeClient, app, "public");
      await world.tables.exec("INSERT INTO collaborators SELECT id, 12, 'admin' FROM repositories");
      await world.registry.repositories.delete(openModeClient, app);
      await pushBlob(world, "team/app", "new");
      const after = await world.registry.repositories.get(app);
      // SQLite uses the id again.
      assert.deepEqual(after, {
        ...before,
        ...{ id: after.id, visibility: "private", immutableTags: null },
      });
      const { items } = await world.registry.tags.list(app, { last: undefined, limit: 9 });
      assert.deepEqual(items, []);
      assert.deepEqual(await rows(world, "SELECT * FROM tag_history"), []);
      assert.deepEqual(await rows(world, "SELECT * FROM collaborators"), []);
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
      await uploads.close();
      assert.equal((await world.stored()).uploads, 2);
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
      assert.deepEqual(await rows(world, "SELECT * FROM repository_removals ORDER BY sequence"), [
        { name: "team/b", sequence: 2 },
        { name: "team/app", sequence: 3 },
      ]);
    }),
  );
});
