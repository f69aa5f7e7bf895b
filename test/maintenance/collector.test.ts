import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import type { Database } from "../../src/database/contract.ts";
import { digestOf, encodedOf, type Digest } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { createLeasePolicy } from "../../src/registry/leases.ts";
import { createRegistry, type Registry } from "../../src/registry/registry.ts";
import { collect, type CollectionStep } from "../../src/maintenance/collector.ts";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createMemoryStore } from "../../storage/memory/store.ts";
import { openMetadataInMemory } from "../support/database.ts";
import { openModeClient, rules, silent } from "../support/pushes.ts";

const here = parseRepositoryName("team/app");
const elsewhere = parseRepositoryName("team/other");
const leaseMs = 1_000;
const graceMs = 10_000;
const hourMs = 3_600_000;
const vendorType = "application/vnd.example.model.v1+json";

interface World {
  readonly store: BlobStore;
  readonly database: Database;
  readonly registry: Registry;
  /** Advances the clock by `ms` milliseconds. */
  wait(ms: number): void;
  collect(): AsyncGenerator<CollectionStep>;
  close(): Promise<void>;
}

function openWorld(deleteDelayMs = 0): World {
  const store = createMemoryStore();
  const database = openMetadataInMemory();
  // Storage keys contain the real time, so the clock starts at the real time.
  let nowMs = Date.now();
  const clock = (): number => nowMs;
  const leaseTimes = { leaseMs, graceMs, deleteDelayMs };
  return {
    store,
    database,
    registry: createRegistry({
      store,
      database,
      report: silent,
      clock,
      sparse: false,
      moreTypes: [vendorType],
      rules,
      leaseTimes,
    }),
    wait: (ms) => {
      nowMs += ms;
    },
    collect: () =>
      collect({
        store,
        database,
        clock,
        leasePolicy: createLeasePolicy(clock, leaseTimes),
        deleteUntagged: true,
        graceMs,
        orphans: true,
      }),
    close: () => database.close(),
  };
}

const text = (content: string): Buffer => Buffer.from(content);

async function pushBlob({ registry }: World, content: string, repository = here): Promise<Digest> {
  const digest = digestOf(text(content));
  const chunk = {
    source: Readable.from([text(content)]),
    lengthBytes: content.length,
    range: undefined,
  };
  await registry.uploads.pushWhole(openModeClient, repository, digest, chunk);
  return digest;
}

function manifestOf(layer: string, config = "{}"): Buffer {
  const descriptor = (content: string, mediaType: string) => ({
    mediaType,
    digest: digestOf(text(content)),
    size: content.length,
  });
  return text(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: descriptor(config, "application/vnd.oci.empty.v1+json"),
      layers: [descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
    }),
  );
}

const putManifest = (
  { registry }: World,
  reference: string,
  bytes: Buffer,
  repository = here,
  contentType?: string,
) =>
  registry.manifests.put({
    actor: openModeClient,
    repository,
    reference: parseReference(reference),
    tags: [],
    contentType,
    bytes,
  });

async function pushImage(world: World, layer: string, tag: string): Promise<Digest> {
  await pushBlob(world, "{}");
  await pushBlob(world, layer);
  return (await putManifest(world, tag, manifestOf(layer))).digest;
}

async function readBlob({ registry }: World, digest: Digest, repository = here): Promise<string> {
  const blob = await registry.blobs.get(repository, digest);
  const pieces: Buffer[] = [];
  for await (const piece of await registry.blobs.open(blob, { start: 0, end: blob.sizeBytes - 1 }))
    pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

/** Also true for a repository that the collector has deleted. */
const isUnknown = (error: unknown): boolean =>
  isCode("BLOB_UNKNOWN")(error) || isCode("NAME_UNKNOWN")(error);

const isCode = (code: string) => (error: unknown) =>
  error instanceof OciError && error.code === code;

async function drain(steps: AsyncIterable<CollectionStep>): Promise<CollectionStep[]> {
  const done: CollectionStep[] = [];
  for await (const step of steps) if (step.kind !== "pause") done.push(step);
  return done;
}

async function bytesIn(store: BlobStore): Promise<number> {
  let count = 0;
  for await (const _ of store.list()) count += 1;
  return count;
}

describe("the collector", () => {
  const inWorld = (work: (world: World) => Promise<void>) => async (): Promise<void> => {
    const world = openWorld();
    try {
      await work(world);
    } finally {
      await world.close();
    }
  };

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
    const world = openWorld(delayMs);
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
          leasePolicy: { ...leasePolicy, change: () => ({ nowMs: clock(), dueAtMs: clock() }) },
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

  /*
   * Every point at which the collector can be interrupted, against every operation of a client on a blob that is due
   * for deletion. Each operation that was acknowledged must still be readable afterwards.
   */
  const layer = "about to go";
  const digest = digestOf(text(layer));
  const clients: Readonly<Record<string, (world: World) => Promise<() => Promise<void>>>> = {
    "a push of the same bytes": async (world) => {
      await pushBlob(world, layer);
      return async () => assert.equal(await readBlob(world, digest), layer);
    },
    "a push of the same bytes to another repository": async (world) => {
      await pushBlob(world, layer, elsewhere);
      return async () => assert.equal(await readBlob(world, digest, elsewhere), layer);
    },
    "a mount": async (world) => {
      const mounted = await world.registry.blobs.mount({
        actor: openModeClient,
        repository: elsewhere,
        digest,
        from: here,
        mayRead: () => true,
      });
      return async () => {
        if (mounted) assert.equal(await readBlob(world, digest, elsewhere), layer);
      };
    },
    "a HEAD by a pusher, then the manifest": async (world) => {
      await pushBlob(world, "{}");
      const blob = await world.registry.blobs.get(here, digest).catch(() => undefined);
      if (blob === undefined) await pushBlob(world, layer);
      else await world.registry.blobs.extendLease(here, blob);
      return async () => {
        await putManifest(world, "kept", manifestOf(layer));
        assert.equal(await readBlob(world, digest), layer);
      };
    },
    "a manifest that names it": async (world) => {
      await pushBlob(world, "{}");
      const put = await putManifest(world, "kept", manifestOf(layer)).catch((error: unknown) => {
        if (isCode("MANIFEST_BLOB_UNKNOWN")(error)) return undefined;
        throw error;
      });
      return async () => {
        if (put === undefined) return;
        assert.equal(await readBlob(world, digest), layer);
        await world.registry.manifests.get(here, parseReference("kept"));
      };
    },
    "a reader": async (world) => {
      const blob = await world.registry.blobs.get(here, digest).catch(() => undefined);
      return async () => {
        if (blob === undefined) return;
        // The row existed before: the read returns the bytes or an "unknown" error, never another error.
        await readBlob(world, digest).then(
          (content) => assert.equal(content, layer),
          (error: unknown) => assert.ok(isUnknown(error)),
        );
      };
    },
  };

  for (const [name, act] of Object.entries(clients)) {
    test(`loses no acknowledged data to ${name} at any step, whether it continues or is interrupted`, async () => {
      let places = 0;
      for (let place = 0; ; place += 1) {
        for (const goesOn of [true, false]) {
          const world = openWorld();
          try {
            await pushBlob(world, layer);
            world.wait(graceMs + leaseMs);
            const steps = world.collect();
            let done = false;
            for (let step = 0; step < place && !done; step += 1)
              done = (await steps.next()).done === true;
            const holds = await act(world);
            if (goesOn) await drain(steps);
            else await steps.return(undefined);
            await drain(world.collect());
            await holds();
            world.wait(leaseMs / 2);
            await drain(world.collect());
            await holds();
            if (done && !goesOn) {
              assert.ok(places > 3, "the collector has places to pause");
              return;
            }
          } finally {
            await world.close();
          }
        }
        places += 1;
      }
    });
  }
});
