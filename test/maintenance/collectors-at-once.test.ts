import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check } from "../../src/maintenance/check.ts";
import type { CollectionStep } from "../../src/maintenance/collector.ts";
import { bytesIn, drain, graceMs, here, inWorld, pushImage, readBlob, text } from "./support.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { openModeClient, silent } from "../support/pushes.ts";

/** Which is deleted, by the digest or the key. */
const subjectOf = (step: CollectionStep): string =>
  `${step.kind} ${"digest" in step ? step.digest : "key" in step ? step.key : ""}`;

describe("several collectors at once", () => {
  test(
    "collect each item once, keep what clients push meanwhile, and leave sound quotas",
    inWorld(async (world) => {
      const { database, registry, store } = world;
      const input = { actor: openModeClient, nowMs: Date.now(), limitBytes: 1_000_000 };
      await database.commands.setQuota({ ...input, namespace: "team" });
      const layers = Array.from({ length: 60 }, (_, index) => `layer ${index}`);
      // Each push moves the tag, so that only the last manifest has one.
      for (const layer of layers) await pushImage(world, layer, "latest");
      world.wait(graceMs * 2);

      const collectors = [1, 2, 3].map(() => drain(world.collect()));
      // A client pushes ten of the layers again.
      for (const layer of layers.slice(0, 10))
        await pushImage(world, layer, `again-${layer.slice(6)}`);
      const steps = (await Promise.all(collectors)).flat();

      const subjects = steps.map(subjectOf).filter((subject) => !subject.startsWith("waiting"));
      assert.equal(new Set(subjects).size, subjects.length, "each item is collected once");
      assert.deepEqual(
        steps.filter(({ kind }) => kind === "failed"),
        [],
      );
      for (const layer of [...layers.slice(0, 10), "layer 59"])
        assert.equal(await readBlob(world, digestOf(text(layer))), layer);

      // A collector leaves what a push locks to the next run, and the blobs of a manifest have a grace time of their own.
      for (let runs = 0; runs < 3; runs += 1) {
        world.wait(graceMs * 2);
        await drain(world.collect());
      }
      const checked = {
        ...{ store, database, report: silent, graceMs: 0 },
        ...{ clock: () => Date.now() + 1_000_000, isSparse: () => false },
      };
      const findings = [];
      for await (const finding of check(checked, () => undefined)) findings.push(finding);
      assert.deepEqual(findings, []);
      // The config, ten layers and the last one.
      assert.equal(await bytesIn(store), 12);
      assert.equal(
        (await registry.tags.list(here, { last: undefined, limit: 100 })).items.length,
        11,
      );
    }),
  );
});
