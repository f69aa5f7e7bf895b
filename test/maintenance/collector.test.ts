import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf, encodedOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createLeasePolicy } from "../../src/registry/leases.ts";
import { collect } from "../../src/maintenance/collector.ts";
import { openModeClient } from "../support/pushes.ts";
import {
  bytesIn,
  drain,
  graceMs,
  here,
  inWorld,
  isCode,
  leaseMs,
  manifestOf,
  openWorld,
  pushBlob,
  pushImage,
  putManifest,
  readBlob,
  text,
  vendorType,
} from "./support.ts";

const hourMs = 3_600_000;

describe("the collector", () => {
  test(
    "keeps the manifest and the blobs of a tag of any age",
    inWorld(async (world) => {
      await pushImage(world, "layer", "1");
      world.wait(100 * graceMs);
      assert.deepEqual(await drain(world.collect()), []);
      assert.equal(await readBlob(world, digestOf(text("layer"))), "layer");
    }),
  );

  test(
    "keeps a blob that a manifest of a configured type names anywhere in its JSON",
    inWorld(async (world) => {
      const digest = await pushBlob(world, "weights");
      const document = text(JSON.stringify({ model: { parts: [{ digest, size: 7 }] } }));
      await putManifest(world, "1", document, here, vendorType);
      world.wait(100 * graceMs);
      assert.deepEqual(await drain(world.collect()), []);
      assert.equal(await readBlob(world, digest), "weights");
    }),
  );

  test("keeps the bytes of a collected blob for the delete delay, so that open downloads can finish", async () => {
    const delayMs = 600_000;
    const world = await openWorld(delayMs);
    try {
      const digest = await pushBlob(world, "unused");
      const blob = await world.registry.blobs.get(here, digest);
      world.wait(graceMs + leaseMs);
      const collected = await drain(world.collect());
      assert.deepEqual(
        collected.map(({ kind }) => kind),
        ["link", "repository", "waiting"],
      );
      await assert.rejects(world.registry.blobs.get(here, digest), isCode("NAME_UNKNOWN"));
      world.wait(delayMs - 1);
      await drain(world.collect());
      assert.equal((await world.store.stat(blob.storageKey))?.sizeBytes, "unused".length);
      world.wait(1);
      const removed = await drain(world.collect());
      assert.deepEqual(
        removed.map(({ kind }) => kind),
        ["bytes"],
      );
      assert.equal(await bytesIn(world.store), 0);
    } finally {
      await world.close();
    }
  });

  test(
    "deletes an untagged manifest after the grace period, and its blobs one grace period later",
    inWorld(async (world) => {
      const image = await pushImage(world, "layer", "1");
      world.wait(2 * graceMs);
      await drain(world.collect());
      await world.registry.manifests.delete(openModeClient, here, parseReference("1"));
      assert.deepEqual(await drain(world.collect()), []);
      world.wait(graceMs);
      assert.deepEqual(await drain(world.collect()), [
        { kind: "manifest", repository: here, digest: image },
      ]);
      world.wait(graceMs);
      const kinds = (await drain(world.collect())).map(({ kind }) => kind);
      assert.deepEqual(kinds.toSorted(), ["bytes", "bytes", "link", "link"]);
      assert.equal(await bytesIn(world.store), 0);
    }),
  );

  test(
    "deletes a blob that no manifest names when the grace period ends, and not before",
    inWorld(async (world) => {
      const digest = await pushBlob(world, "never used");
      world.wait(graceMs - 1);
      assert.deepEqual(await drain(world.collect()), []);
      world.wait(1);
      assert.deepEqual(
        (await drain(world.collect())).map(({ kind }) => kind),
        ["link", "repository", "bytes"],
      );
      await assert.rejects(world.registry.blobs.get(here, digest), isCode("NAME_UNKNOWN"));
    }),
  );

  test(
    "keeps children of an index and referrers of a subject while the index or subject is reachable",
    inWorld(async (world) => {
      const child = await pushImage(world, "child", "child");
      const index = text(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [
            {
              mediaType: "application/vnd.oci.image.manifest.v1+json",
              digest: child,
              size: manifestOf("child").length,
            },
          ],
        }),
      );
      await putManifest(world, "all", index);
      await world.registry.manifests.delete(openModeClient, here, parseReference("child"));
      const signature = text(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [],
          subject: {
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            digest: child,
            size: 1,
          },
        }),
      );
      const signed = await putManifest(world, digestOf(signature), signature);
      world.wait(10 * graceMs);
      assert.deepEqual(await drain(world.collect()), []);
      await world.registry.manifests.get(here, parseReference(signed.digest));

      await world.registry.manifests.delete(openModeClient, here, parseReference("all"));
      for (const gone of [digestOf(index), child, signed.digest]) {
        world.wait(graceMs);
        assert.deepEqual(
          await drain(world.collect()).then((steps) =>
            steps.filter(({ kind }) => kind === "manifest"),
          ),
          [{ kind: "manifest", repository: here, digest: gone }],
        );
      }
    }),
  );

  test(
    "deletes a file without a row after an hour, although the grace period is shorter",
    inWorld(async (world) => {
      const key = await world.store.put(digestOf(text("orphan")), text("orphan"));
      assert.deepEqual(await drain(world.collect()), []);
      world.wait(hourMs + leaseMs);
      assert.deepEqual(await drain(world.collect()), [{ kind: "orphan", key, sizeBytes: 6 }]);
    }),
  );

  test(
    "keeps a leased blob when the clock is set back during a collection",
    inWorld(async (world) => {
      await pushBlob(world, "due");
      world.wait(graceMs);
      const steps = world.collect();
      await steps.next();
      world.wait(-100 * graceMs);
      const fresh = await pushBlob(world, "pushed by the old time");
      await drain(steps);
      await drain(world.collect());
      assert.equal(await readBlob(world, fresh), "pushed by the old time");
    }),
  );

  test(
    "continues after a delete that fails, and the next run deletes the bytes",
    inWorld(async (world) => {
      await pushBlob(world, "stubborn");
      await pushBlob(world, "willing");
      world.wait(graceMs);
      const broken = {
        ...world.store,
        delete: (key: string) =>
          key.includes(encodedOf(digestOf(text("stubborn"))))
            ? Promise.reject(new Error("EIO"))
            : world.store.delete(key),
      };
      const clock = (): number => Date.now() + graceMs;
      const leasePolicy = createLeasePolicy(clock, { leaseMs, graceMs, deleteDelayMs: 0 });
      const steps = await drain(
        collect({
          ...world,
          store: broken,
          clock,
          leasePolicy: { ...leasePolicy, eventTimes: () => ({ nowMs: clock(), dueAtMs: clock() }) },
          deleteUntagged: false,
          graceMs,
          orphans: false,
        }),
      );
      assert.deepEqual(steps.map(({ kind }) => kind).toSorted(), [
        "bytes",
        "failed",
        "link",
        "link",
        "repository",
        "waiting",
      ]);
      assert.equal(await bytesIn(world.store), 1);
      world.wait(graceMs);
      await drain(world.collect());
      assert.equal(await bytesIn(world.store), 0);
    }),
  );
});
