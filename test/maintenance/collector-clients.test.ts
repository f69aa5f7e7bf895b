import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { openModeClient } from "../support/pushes.ts";
import {
  drain,
  elsewhere,
  graceMs,
  here,
  isCode,
  leaseMs,
  manifestOf,
  openWorld,
  pushBlob,
  putManifest,
  readBlob,
  text,
  type World,
} from "./support.ts";

/** Also true for a repository that the collector has deleted. */
const isUnknown = (error: unknown): boolean =>
  isCode("BLOB_UNKNOWN")(error) || isCode("NAME_UNKNOWN")(error);

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

describe("the collector", () => {
  for (const [name, act] of Object.entries(clients)) {
    test(`loses no acknowledged data to ${name} at any step, whether it continues or is interrupted`, async () => {
      let places = 0;
      for (let place = 0; ; place += 1) {
        for (const goesOn of [true, false]) {
          const world = await openWorld();
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
