import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseTag } from "../../../src/oci/reference.ts";
import {
  drain,
  graceMs,
  here,
  inWorld,
  manifestOf,
  pushBlob,
  pushImage,
  putManifest,
  text,
} from "../support.ts";
import { actor, dayMs, retentionOf } from "./support.ts";

describe("retention of manifests without a tag", () => {
  const index = (...children: readonly Buffer[]): Buffer =>
    text(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: children.map((bytes) => ({
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: digestOf(bytes),
          size: bytes.length,
        })),
      }),
    );

  test(
    "deletes them with what only they keep, as the dry run lists it",
    inWorld(async (world) => {
      const child = await pushImage(world, "child", "child");
      const referrer = {
        ...(JSON.parse(manifestOf("signature").toString()) as object),
        subject: {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: child,
          size: manifestOf("child").length,
        },
      };
      await pushBlob(world, "signature");
      const signature = text(JSON.stringify(referrer));
      await putManifest(world, digestOf(signature), signature);
      const both = index(manifestOf("child"));
      await putManifest(world, "both", both);
      const { tags } = world.registry;
      await tags.delete(actor, here, [parseTag("child")]);
      const retention = retentionOf(world);
      await retention.set(actor, here, { rules: [], untaggedDays: 7 });
      world.wait(30 * dayMs);
      assert.deepEqual(await retention.dryRun(here), []);

      await tags.delete(actor, here, [parseTag("both")]);
      world.wait(7 * dayMs - 1);
      assert.deepEqual(await retention.dryRun(here), []);
      world.wait(1);
      const planned = await retention.dryRun(here);
      const expected = [both, manifestOf("child"), signature].map(
        (bytes) => `manifest team/app ${digestOf(bytes)}`,
      );
      assert.deepEqual(planned.toSorted(), expected.toSorted());
      assert.deepEqual((await retention.do(here)).toSorted(), expected.toSorted());
      assert.deepEqual(await retention.do(here), []);
      world.wait(graceMs);
      const freed = (await drain(world.collect())).filter(({ kind }) => kind === "bytes");
      assert.equal(freed.length, 3, "the two layers and the config");
    }),
  );

  test(
    "keeps a child that was pushed again since, and what a lease protects",
    inWorld(async (world) => {
      await pushImage(world, "child", "child");
      const both = index(manifestOf("child"));
      await putManifest(world, "both", both);
      const { tags } = world.registry;
      await tags.delete(actor, here, [parseTag("both"), parseTag("child")]);
      const retention = retentionOf(world);
      await retention.set(actor, here, { rules: [], untaggedDays: 7 });
      world.wait(6 * dayMs);
      // A tag for a moment: the time without a tag begins again.
      await putManifest(world, "again", manifestOf("child"));
      await tags.delete(actor, here, [parseTag("again")]);
      world.wait(dayMs);
      const only = [`manifest team/app ${digestOf(both)}`];
      assert.deepEqual(await retention.dryRun(here), only);
      assert.deepEqual(await retention.do(here), only);
      world.wait(6 * dayMs);
      const repository = here;
      const digest = digestOf(manifestOf("child"));
      const leasedUntilMs = world.nowMs() + 1_000;
      await world.database.commands.leaseManifest({ repository, digest, leasedUntilMs });
      assert.deepEqual(await retention.do(here), []);
      world.wait(1_000);
      assert.deepEqual(await retention.do(here), [`manifest team/app ${digest}`]);
    }),
  );
});
