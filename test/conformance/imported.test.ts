import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { startBerth } from "../clients/support/berth.ts";
import { atEnd, createScratch } from "../clients/support/scratch.ts";
import { pushImage, startDistribution } from "../support/distribution.ts";
import { assertConforms, stable } from "./program.ts";

/** Blobs of a bucket, and a registry that is not this Berth, have no files of another registry. */
const isApplicable = ["BERTH_STORAGE_DRIVER", "REGISTRY"].every(
  (name) => process.env[name] === undefined,
);

if (isApplicable)
  test("all checks pass in repositories that were imported in place, and their images are as before", async () => {
    const old = await startDistribution(createScratch("distribution"));
    atEnd(() => old.stop());
    const namespace = "imported";
    const images = ["repo1", "repo2", "sub/app"].map((name) => `${namespace}/${name}`);
    const pushed = new Map<string, Buffer>();
    for (const name of images)
      pushed.set(name, (await pushImage(old.url, name, "kept", [Buffer.from(name)])).manifest);
    await old.stop();

    const berth = await startBerth();
    const args = ["import", "distribution", old.folder, "--in-place"];
    assert.match(await berth.administer(args), /; 3 repositories were read$/m);
    await assertConforms("imported", { host: berth.host, namespace }, stable);
    for (const [name, manifest] of pushed) {
      const answer = await fetch(`http://${berth.host}/v2/${name}/manifests/kept`);
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), manifest);
    }
    assert.match(await berth.administer(["check"]), /no errors/);
  });
