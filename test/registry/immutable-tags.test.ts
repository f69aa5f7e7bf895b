import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { parseReference } from "../../src/oci/reference.ts";
import {
  as,
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
import { openModeClient } from "../support/pushes.ts";

const name = "team/app";
const repository = named(name);
const isDenied = (error: unknown): boolean =>
  isCode("DENIED")(error) && (error as OciError).status === 403;

const setImmutable = (world: World, patterns: readonly string[] | null): Promise<void> =>
  world.registry.repositories.setImmutableTags(openModeClient, repository, patterns);
const remove = (world: World, reference: string): Promise<void> =>
  world.registry.manifests.delete(openModeClient, repository, parseReference(reference));
const pointsAt = async (world: World, tag: string): Promise<string> =>
  (await world.registry.manifests.get(repository, parseReference(tag))).digest;

describe("an immutable tag", () => {
  const withImages = (work: (world: World) => Promise<void>, patterns: readonly string[] = []) =>
    inWorld(async (world) => {
      await pushImage(world, name, "1.0", "first");
      await pushImage(world, name, "other", "second");
      await setImmutable(world, patterns);
      await work(world);
      assert.equal(await pointsAt(world, "1.0"), digestOf(imageOf("first")));
    });

  test(
    "rejects a push of another digest with 403 DENIED, by tag and by digest with ?tag=",
    withImages(async (world) => {
      const second = imageOf("second");
      await assert.rejects(put(world, name, "1.0", second), isDenied);
      const tags = ["new", "1.0"];
      await assert.rejects(put(world, name, digestOf(second), second, { tags }), isDenied);
      // A rejected push sets none of its tags.
      await assert.rejects(pointsAt(world, "new"), isCode("MANIFEST_UNKNOWN"));
      await assert.rejects(
        put(world, name, digestOf(second, "sha512"), second, { tags: ["1.0"] }),
        isDenied,
      );
    }),
  );

  test(
    "accepts another push of the same digest",
    withImages(async (world) => {
      const first = imageOf("first");
      await put(world, name, "1.0", first);
      await put(world, name, digestOf(first), first, { tags: ["1.0"] });
    }),
  );

  test(
    "rejects its deletion and the deletion of its manifest with 403 DENIED",
    withImages(async (world) => {
      await assert.rejects(remove(world, "1.0"), isDenied);
      await assert.rejects(remove(world, digestOf(imageOf("first"))), isDenied);
    }),
  );

  test(
    "protects the manifests that its index names, at any depth, from deletion",
    withImages(async (world) => {
      const inner = indexOf(imageOf("first"), imageOf("second"));
      const outer = indexOf(inner);
      await put(world, name, digestOf(inner), inner);
      await put(world, name, "all", outer);
      await assert.rejects(remove(world, digestOf(imageOf("second"))), isDenied);
      await assert.rejects(remove(world, digestOf(inner)), isDenied);
    }),
  );

  test(
    "is a tag that a pattern matches from its first to its last character",
    withImages(
      async (world) => {
        const second = imageOf("second");
        await put(world, name, "1.0.1-rc", second);
        await put(world, name, "1.0.1-rc", imageOf("first"));
        await put(world, name, "2.0", second);
        await assert.rejects(put(world, name, "2.0", imageOf("first")), isDenied);
        await assert.rejects(put(world, name, "1.0", second), isDenied);
        await remove(world, "other");
        await remove(world, "1.0.1-rc");
      },
      ["\\d+\\.\\d+", "stable"],
    ),
  );

  test(
    "can be pushed again and deleted after the setting is removed",
    inWorld(async (world) => {
      await pushImage(world, name, "1.0", "first");
      await pushImage(world, name, "other", "second");
      await setImmutable(world, []);
      await setImmutable(world, null);
      await put(world, name, "1.0", imageOf("second"));
      await remove(world, "1.0");
    }),
  );

  test(
    "gets the digest of one of 16 concurrent pushes, and pushes of the other 7 digests are rejected",
    inWorld(async (world) => {
      const layers = Array.from({ length: 8 }, (_, place) => `layer ${place}`);
      await pushBlob(world, name, "{}");
      for (const layer of layers) await pushBlob(world, name, layer);
      await setImmutable(world, []);
      const pushes = layers.flatMap((layer) => {
        const image = imageOf(layer);
        return [
          put(world, name, "1", image),
          put(world, name, digestOf(image), image, { tags: ["1"] }),
        ];
      });
      const outcomes = await Promise.allSettled(pushes);
      const done = outcomes.flatMap((o) => (o.status === "fulfilled" ? [o.value.digest] : []));
      assert.deepEqual(new Set(done), new Set([await pointsAt(world, "1")]));
      assert.equal(done.length, 2);
      for (const outcome of outcomes)
        if (outcome.status === "rejected") assert.ok(isDenied(outcome.reason));
    }),
  );

  test(
    "rejects a push of another digest by an account that is logged in, too",
    inWorld(async (world) => {
      await pushImage(world, name, "1", "first");
      await pushImage(world, name, "other", "second");
      await setImmutable(world, []);
      const admin = as(1);
      await assert.rejects(put(world, name, "1", imageOf("second"), { actor: admin }), isDenied);
    }),
  );

  test(
    "is set by at most 100 patterns of 1 to 256 characters in linear-time syntax",
    inWorld(async (world) => {
      await pushBlob(world, name, "x");
      for (const pattern of ["(", "(?=a)", "(a)\\1", "", "x".repeat(257)])
        await assert.rejects(setImmutable(world, [pattern]), isCode("TAG_INVALID"), pattern);
      await assert.rejects(
        setImmutable(
          world,
          Array.from({ length: 101 }, () => "a"),
        ),
        OciError,
      );
      await setImmutable(world, ["(a+)+b"]);
      await pushImage(world, name, "a".repeat(128), "layer");
      const unknown = world.registry.repositories.setImmutableTags(
        openModeClient,
        named("no/such"),
        [],
      );
      await assert.rejects(unknown, isCode("NAME_UNKNOWN"));
    }),
  );
});
