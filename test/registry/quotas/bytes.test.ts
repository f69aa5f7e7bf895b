import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OciError } from "../../../src/oci/errors.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { openModeClient } from "../../support/pushes.ts";
import { imageOf, inWorld, named, pushBlob, pushImage, put } from "../support.ts";
import { isDenied, limit, used } from "./support.ts";

describe("a quota", () => {
  test(
    "counts a blob once per namespace, and ignores blobs of other namespaces",
    inWorld(async (world) => {
      await pushBlob(world, "team/a", "before");
      await limit(world, "team", 100);
      assert.equal(await used(world, "team"), 6);
      await pushBlob(world, "team/a", "shared");
      await pushBlob(world, "team/b", "shared");
      const digest = await pushBlob(world, "other/c", "elsewhere");
      assert.equal(await used(world, "team"), 12);
      const mount = { actor: openModeClient, digest, from: named("other/c"), mayRead: () => true };
      await world.registry.blobs.mount({ ...mount, repository: named("team/a") });
      await world.registry.blobs.mount({ ...mount, repository: named("team/b") });
      assert.equal(await used(world, "team"), 21);
    }),
  );

  test(
    "rejects a blob that exceeds it with 403 DENIED and the byte counts, and stores nothing",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      await pushBlob(world, "team/a", "eight...");
      await assert.rejects(pushBlob(world, "team/new", "four"), (error: unknown) => {
        assert.ok(error instanceof OciError && error.status === 403 && isDenied(error));
        assert.equal(
          error.message,
          "the quota of team is 10 bytes: 8 are used, and this blob has 4",
        );
        return true;
      });
      assert.equal(await used(world, "team"), 8);
      assert.equal(await world.database.repositories.find(named("team/new")), undefined);
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
      await pushBlob(world, "team/a", "2!");
    }),
  );

  test(
    "counts a manifest once per repository, even if it is pushed with two tags",
    inWorld(async (world) => {
      const image = imageOf("a layer");
      await limit(world, "team", 9 + image.length);
      await pushImage(world, "team/a", "1", "a layer");
      await put(world, "team/a", "2", image);
      assert.equal(await used(world, "team"), 9 + image.length);
      await pushBlob(world, "team/b", "{}");
      await pushBlob(world, "team/b", "a layer");
      await assert.rejects(put(world, "team/b", "1", image), (error: unknown) => {
        assert.ok(isDenied(error) && error instanceof OciError);
        assert.match(error.message, /this manifest has \d+$/);
        return true;
      });
    }),
  );

  test(
    "rejects a mount that exceeds it with DENIED",
    inWorld(async (world) => {
      await limit(world, "team", 5);
      const digest = await pushBlob(world, "other/c", "elsewhere");
      const mount = { actor: openModeClient, digest, from: named("other/c"), mayRead: () => true };
      const mounting = world.registry.blobs.mount({ ...mount, repository: named("team/a") });
      await assert.rejects(mounting, isDenied);
      assert.equal(await used(world, "team"), 0);
    }),
  );

  test(
    "of 100 bytes accepts exactly 3 of 10 concurrent pushes of 30 bytes",
    inWorld(async (world) => {
      await limit(world, "team", 100);
      const pushes = Array.from({ length: 10 }, (_, place) =>
        pushBlob(world, `team/${place % 3}`, String(place).repeat(30)),
      );
      const outcomes = await Promise.allSettled(pushes);
      assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
      for (const outcome of outcomes)
        if (outcome.status === "rejected") assert.ok(isDenied(outcome.reason));
      assert.equal(await used(world, "team"), 90);
      assert.deepEqual(await world.stored(), { blobs: 3, uploads: 0 });
    }),
  );

  test(
    "that is lower than the stored bytes keeps the blobs, accepts them again and rejects new blobs",
    inWorld(async (world) => {
      await pushBlob(world, "team/a", "eight...");
      await limit(world, "team", 1);
      await pushBlob(world, "team/b", "eight...");
      await assert.rejects(pushBlob(world, "team/b", "2!"), isDenied);
    }),
  );

  test(
    "releases bytes when a blob is deleted, the collector runs, or the repository is deleted",
    inWorld(async (world) => {
      await limit(world, "team", 1_000);
      const { registry } = world;
      const digest = await pushBlob(world, "team/a", "deleted");
      await pushBlob(world, "team/b", "deleted");
      await registry.blobs.delete(openModeClient, named("team/a"), digest);
      assert.equal(await used(world, "team"), 7);
      await registry.blobs.delete(openModeClient, named("team/b"), digest);
      assert.equal(await used(world, "team"), 0);

      await pushImage(world, "team/a", "1", "a layer");
      assert.equal(await used(world, "team"), 9 + imageOf("a layer").length);
      await registry.manifests.delete(openModeClient, named("team/a"), parseReference("1"));
      await world.collectAll();
      assert.equal(await used(world, "team"), 0);

      await pushImage(world, "team/a", "1", "a layer");
      await pushBlob(world, "team/b", "a layer");
      await registry.repositories.delete(openModeClient, named("team/a"));
      assert.equal(await used(world, "team"), 7);
    }),
  );

  test(
    "from the configuration applies to a namespace without a quota of its own",
    inWorld(
      async (world) => {
        await pushBlob(world, "team/a", "eight...");
        await assert.rejects(pushBlob(world, "team/a", "four"), isDenied);
        assert.equal(await used(world, "team"), 8);
        await limit(world, "team", 12);
        await pushBlob(world, "team/a", "four");
        const remove = { namespace: "team", nowMs: 0, actor: openModeClient };
        assert.equal(await world.database.commands.removeQuota(remove), true);
        assert.equal(await world.database.commands.removeQuota(remove), false);
        await assert.rejects(pushBlob(world, "team/a", "2!"), isDenied);
        await pushBlob(world, "other/a", "ten bytes.");
      },
      { defaultQuotaBytes: 10 },
    ),
  );

  test(
    "with a wrong byte count is found and repaired by a check",
    inWorld(async (world) => {
      await limit(world, "team", 100);
      await pushBlob(world, "team/a", "eight...");
      await world.tables.exec("UPDATE quotas SET used_bytes = 7");
      const [finding, ...others] = await world.findings();
      assert.equal(finding?.subject, "team: the quota counts 7 bytes, the namespace links 8");
      assert.deepEqual(others, []);
      await finding.repair?.apply();
      assert.equal(await used(world, "team"), 8);
      assert.deepEqual(await world.findings(), []);
    }),
  );
});
