import assert from "node:assert/strict";
import { describe, test } from "node:test";
import path from "node:path";
import { digestOf } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { startClosedBerth } from "../support/closed.ts";
import { openModeClient } from "../support/pushes.ts";
import { inWorld, isCode, named, pushBlob, pushImage } from "./support.ts";

/** A time in ms that is later than every test. */
const far = 9_000_000_000_000;

describe("a lease that outlasts the grace period", () => {
  test(
    "keeps an untagged manifest from the collector",
    inWorld(async (world) => {
      const { registry, tables } = world;
      const leased = await pushImage(world, "team/app", "leased", "one layer");
      const other = await pushImage(world, "team/app", "other", "another layer");
      await tables.exec("UPDATE manifests SET leased_until = 0");
      await tables.rows("UPDATE manifests SET leased_until = ? WHERE digest = ?", far, leased);
      for (const tag of ["leased", "other"])
        await registry.manifests.delete(openModeClient, named("team/app"), parseReference(tag));
      await world.collectAll();
      const left = await tables.values("SELECT digest FROM manifests");
      assert.deepEqual(left, [leased]);
      assert.notEqual(leased, other);
    }),
  );

  test(
    "keeps a blob that no manifest names in its repository",
    inWorld(async (world) => {
      const { tables } = world;
      const leased = await pushBlob(world, "team/app", "leased");
      await pushBlob(world, "team/app", "other");
      await tables.rows(
        "UPDATE blob_links SET leased_until = ? WHERE blob_id IN (SELECT id FROM blobs WHERE digest = ?)",
        far,
        leased,
      );
      await world.collectAll();
      assert.deepEqual(await tables.values("SELECT digest FROM blobs"), [leased]);
    }),
  );

  test(
    "is extended when a blob is pushed again",
    inWorld(async (world) => {
      const { tables } = world;
      await pushBlob(world, "team/app", "twice");
      await tables.exec("UPDATE blob_links SET leased_until = 0");
      await pushBlob(world, "team/app", "twice");
      const lease = await tables.value("SELECT leased_until FROM blob_links");
      assert.ok(Number(lease) > Date.now());
    }),
  );

  test(
    "cannot be extended for a manifest that was deleted after the HEAD found it",
    inWorld(async (world) => {
      const { manifests } = world.registry;
      const digest = await pushImage(world, "team/app", "1", "a layer");
      const found = await manifests.get(named("team/app"), parseReference("1"));
      await manifests.delete(openModeClient, named("team/app"), parseReference(digest));
      const extending = manifests.extendLease(named("team/app"), { ...found, leasedUntilMs: 0 });
      await assert.rejects(extending, isCode("MANIFEST_UNKNOWN"));
    }),
  );

  test(
    "cannot be extended for a blob that was deleted after the HEAD found it",
    inWorld(async (world) => {
      const { blobs } = world.registry;
      const digest = await pushBlob(world, "team/app", "a blob");
      const found = await blobs.get(named("team/app"), digest);
      await blobs.delete(openModeClient, named("team/app"), digest);
      const extending = blobs.extendLease(named("team/app"), { ...found, leasedUntilMs: 0 });
      await assert.rejects(extending, isCode("BLOB_UNKNOWN"));
    }),
  );
});

describe("a HEAD over HTTP", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  await berth.pushImage("mia/app", "mia", "private");
  const leaseOf = async (table: "manifests" | "blob_links"): Promise<number> =>
    Number(await berth.tables.value(`SELECT max(leased_until) FROM ${table}`));
  const layer = `/v2/mia/app/blobs/${digestOf(Buffer.from("a layer"))}`;
  const scope = (actions: string): string => `repository:mia/app:${actions}`;

  for (const [how, client] of [
    ["a password", async () => berth.as("mia")],
    ["a token", async () => berth.with(await berth.token("mia", scope("pull,push")))],
  ] as const) {
    test(`by a pusher with ${how} extends the manifest's lease, in the Koa pipeline and on the fast path`, async () => {
      const { api } = await client();
      // The principal of the second request is cached, so the fast path answers it.
      for (let request = 0; request < 2; request += 1) {
        await berth.exec("UPDATE manifests SET leased_until = 0");
        await api.head("/v2/mia/app/manifests/1").expect(200);
        assert.ok((await leaseOf("manifests")) > Date.now());
      }
    });

    test(`by a pusher with ${how} extends the lease of the requested blob only`, async () => {
      await berth.exec("UPDATE blob_links SET leased_until = 0");
      await (await client()).api.head(layer).expect(200);
      const leased = await berth.tables.values(
        "SELECT digest FROM blobs JOIN blob_links ON blob_links.blob_id = blobs.id WHERE leased_until > ?",
        Date.now(),
      );
      assert.deepEqual(leased, [path.basename(layer)]);
    });
  }

  test("by a client with pull permission only does not change the leases", async () => {
    await berth.exec(
      "UPDATE manifests SET leased_until = 0; UPDATE blob_links SET leased_until = 0",
    );
    const reader = berth.with(await berth.token("mia", scope("pull")));
    await reader.api.head("/v2/mia/app/manifests/1").expect(200);
    await reader.api.head(layer).expect(200);
    await berth.as("mia").api.get("/v2/mia/app/tags/list").expect(200);
    assert.deepEqual([await leaseOf("manifests"), await leaseOf("blob_links")], [0, 0]);
  });
});
