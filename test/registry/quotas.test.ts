import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Readable } from "node:stream";
import fc from "fast-check";
import { digestOf } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import {
  chunkOf,
  imageOf,
  inWorld,
  isCode,
  named,
  pushBlob,
  pushImage,
  put,
  type World,
} from "./support.ts";

const limit = async ({ database }: World, namespace: string, limitBytes: number): Promise<void> => {
  await database.commands.setQuota({ namespace, limitBytes, nowMs: 0, actor: openModeClient });
};

/** The used bytes in the quota's row. Asserts that they equal the sum of the linked blobs and manifests. */
async function used({ database }: World, namespace: string): Promise<number | undefined> {
  const kept = await database.quotas.find(namespace);
  const counted = (await database.quotas.list()).find((row) => row.namespace === namespace);
  if (kept !== undefined) assert.equal(kept.usedBytes, counted?.usedBytes);
  return kept?.usedBytes;
}

const isDenied = isCode("DENIED");

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
    "ends an upload session whose blob exceeds it, and deletes its bytes",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const repository = named("team/a");
      const id = await world.registry.uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await world.registry.uploads.append(claim, chunkOf("too much "));
      const digest = await pushBlob(world, "other/a", "too much for it");
      const { uploads } = world.registry;
      await assert.rejects(uploads.finish(claim, digest, chunkOf("for it")), isDenied);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 1, uploads: 0 });
    }),
  );

  test(
    "ends an upload session whose closing request has a whole blob that exceeds it",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const repository = named("team/a");
      const { uploads } = world.registry;
      const claim = {
        actor: openModeClient,
        repository,
        id: await uploads.start(openModeClient, repository),
      };
      const bytes = "too much for it";
      const closing = uploads.finish(claim, digestOf(Buffer.from(bytes)), chunkOf(bytes));
      await assert.rejects(closing, isDenied);
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
    }),
  );

  test(
    "rejects an append that exceeds it before the body is read, and releases the session's bytes",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const id = await uploads.start(openModeClient, repository);
      const claim = { actor: openModeClient, repository, id };
      await uploads.append(claim, chunkOf("eight..."));
      let isRead = false;
      const source = Readable.from(
        (function* () {
          isRead = true;
          yield Buffer.from("four");
        })(),
      );
      const append = uploads.append(claim, { source, lengthBytes: 4, range: undefined });
      await assert.rejects(append, (error: unknown) => {
        assert.ok(isDenied(error) && error instanceof OciError);
        assert.match(error.message, /10 bytes: 0 are used, and this upload needs 12$/);
        return true;
      });
      assert.equal(isRead, false);
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
      await assert.rejects(uploads.status(claim), isCode("BLOB_UPLOAD_UNKNOWN"));
    }),
  );

  test(
    "aborts an append of unknown length that exceeds it, before the whole body is read",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const claim = {
        actor: openModeClient,
        repository,
        id: await uploads.start(openModeClient, repository),
      };
      let pieces = 0;
      const source = Readable.from(
        (function* () {
          for (; pieces < 100; pieces += 1) yield Buffer.from("four");
        })(),
        { highWaterMark: 1 },
      );
      const append = uploads.append(claim, { source, lengthBytes: undefined, range: undefined });
      await assert.rejects(append, isDenied);
      assert.ok(pieces < 10, `${pieces} pieces were read`);
      assert.deepEqual(await world.stored(), { blobs: 0, uploads: 0 });
    }),
  );

  test(
    "counts the bytes of an open upload until the upload is cancelled or closed",
    inWorld(async (world) => {
      await limit(world, "team", 10);
      const { uploads } = world.registry;
      const repository = named("team/a");
      const begin = async () => ({
        ...{
          actor: openModeClient,
          repository,
          id: await uploads.start(openModeClient, repository),
        },
      });
      const [first, second] = [await begin(), await begin()];
      await uploads.append(first, chunkOf("eight..."));
      await assert.rejects(pushBlob(world, "team/b", "four"), isDenied);
      await uploads.append(second, chunkOf("2!"));
      await uploads.cancel(first);
      await pushBlob(world, "team/b", "four");
      await uploads.finish(second, digestOf(Buffer.from("2!")), undefined);
      assert.equal(await used(world, "team"), 6);
      await pushBlob(world, "team/b", "3!!");
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
      world.connection.exec("UPDATE quotas SET used_bytes = 7");
      const [finding, ...others] = await world.findings();
      assert.equal(finding?.subject, "team: the quota counts 7 bytes, the namespace links 8");
      assert.deepEqual(others, []);
      await finding.repair?.apply();
      assert.equal(await used(world, "team"), 8);
      assert.deepEqual(await world.findings(), []);
    }),
  );

  test("is exact after random sequences of pushes, mounts, deletions and collections", async () => {
    const place = fc.nat(2);
    const event = fc.oneof(
      fc.record({ do: fc.constant("push" as const), to: place, blob: fc.nat(5) }),
      fc.record({ do: fc.constant("image" as const), to: place, blob: fc.nat(5) }),
      fc.record({ do: fc.constant("mount" as const), to: place, from: place, blob: fc.nat(5) }),
      fc.record({ do: fc.constant("unlink" as const), to: place, blob: fc.nat(5) }),
      fc.record({ do: fc.constant("untag" as const), to: place, blob: fc.nat(5) }),
      fc.record({ do: fc.constant("drop" as const), to: place }),
      fc.record({ do: fc.constant("collect" as const) }),
    );
    const names = ["team/a", "team/b", "other/c"];
    const name = (place: number): string => names[place] ?? "";
    const layer = (blob: number): string => "x".repeat(blob + 1);
    const perform = async (
      world: World,
      step: typeof event extends fc.Arbitrary<infer Step> ? Step : never,
    ): Promise<unknown> => {
      const { blobs, manifests, repositories } = world.registry;
      switch (step.do) {
        case "push":
          return pushBlob(world, name(step.to), layer(step.blob));
        case "image":
          return pushImage(world, name(step.to), String(step.blob), layer(step.blob));
        case "mount":
          return blobs.mount({
            ...{ actor: openModeClient, repository: named(name(step.to)), mayRead: () => true },
            ...{ from: named(name(step.from)), digest: digestOf(Buffer.from(layer(step.blob))) },
          });
        case "unlink":
          return blobs.delete(
            openModeClient,
            named(name(step.to)),
            digestOf(Buffer.from(layer(step.blob))),
          );
        case "untag":
          return manifests.delete(
            openModeClient,
            named(name(step.to)),
            parseReference(String(step.blob)),
          );
        case "drop":
          return repositories.delete(openModeClient, named(name(step.to)));
        case "collect":
          return world.collectAll();
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (steps) => {
        await inWorld(async (world) => {
          await limit(world, "team", 1_000);
          for (const step of steps) {
            await perform(world, step).catch((error: unknown) => {
              if (!(error instanceof OciError)) throw error;
            });
            assert.ok(((await used(world, "team")) ?? 0) <= 1_000);
          }
          assert.deepEqual(await world.findings(), []);
        })();
      }),
      { numRuns: 40 },
    );
  });
});
