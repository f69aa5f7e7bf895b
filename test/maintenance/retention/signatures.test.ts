import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { fallbackTagOf, parseTag } from "../../../src/oci/reference.ts";
import {
  elsewhere,
  here,
  inWorld,
  manifestOf,
  pushBlob,
  pushImage,
  putManifest,
  text,
} from "../support.ts";
import { actor, dayMs, newest, pushTags, retentionOf, rule, tagsOf } from "./support.ts";

describe("retention of signed images", () => {
  test(
    "keeps them if a rule says so, with a referrer or with a tag of cosign",
    inWorld(async (world) => {
      await pushTags(world, "by-referrer", "by-tag", "other", "last");
      const subject = manifestOf("layer of by-referrer");
      const referrer = {
        ...(JSON.parse(manifestOf("signature").toString()) as object),
        artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        subject: {
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          digest: digestOf(subject),
          size: subject.length,
        },
      };
      await pushBlob(world, "signature");
      const signature = text(JSON.stringify(referrer));
      await putManifest(world, digestOf(signature), signature);
      const tagged = fallbackTagOf(digestOf(manifestOf("layer of by-tag")));
      await putManifest(world, `${tagged}.sig`, manifestOf("signature"));
      const retention = retentionOf(world);
      const rules = [rule({ keepNewest: 1, keepSigned: true })];
      await retention.set(actor, here, { rules, untaggedDays: null });
      assert.deepEqual(await retention.do(here), ["tag team/app:other rule 1"]);
      await retention.set(actor, here, newest(1));
      assert.equal((await retention.do(here)).length, 2);
      assert.equal(await tagsOf(world), `last ${tagged}.sig`);
    }),
  );

  test(
    "deletes the signature of an image that the repository had, and no signature of other repositories",
    inWorld(async (world) => {
      const image = await pushImage(world, "app", "1");
      const signature = `${fallbackTagOf(image)}.sig`;
      await pushBlob(world, "signature");
      await putManifest(world, signature, manifestOf("signature"));
      for (const blob of ["{}", "signature"]) await pushBlob(world, blob, elsewhere);
      await putManifest(world, signature, manifestOf("signature"), elsewhere);
      const retention = retentionOf(world);
      await retention.set(actor, "team", { rules: [], untaggedDays: 7 });
      await world.registry.tags.delete(actor, here, [parseTag("1")]);
      world.wait(7 * dayMs);
      assert.deepEqual(await retention.do("team"), [`manifest team/app ${image}`]);
      const planned = [`tag team/app:${signature} its image is gone`];
      assert.deepEqual(await retention.dryRun("team"), planned);
      assert.deepEqual(await retention.do("team"), planned);
      assert.equal(await tagsOf(world, elsewhere), signature);
    }),
  );
});
