import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { openModeClient } from "../../support/pushes.ts";
import { inWorld, named, pushBlob, pushImage, type World } from "../support.ts";
import { limit, used } from "./support.ts";

describe("a quota", () => {
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
