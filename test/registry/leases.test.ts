import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
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
      const { registry, connection } = world;
      const leased = await pushImage(world, "team/app", "leased", "one layer");
      const other = await pushImage(world, "team/app", "other", "another layer");
      connection.prepare("UPDATE manifests SET leased_until = 0").run();
      connection.prepare("UPDATE manifests SET leased_until = ? WHERE digest = ?").run(far, leased);
      for (const tag of ["leased", "other"])
        await registry.manifests.delete(openModeClient, named("team/app"), parseReference(tag));
      await world.collectAll();
      const left = connection.prepare("SELECT digest FROM manifests").pluck().all();
      assert.deepEqual(left, [leased]);
      assert.notEqual(leased, other);
    }),
  );

  test(
    "keeps a blob that no manifest names in its repository",
    inWorld(async (world) => {
      const { connection } = world;
      const leased = await pushBlob(world, "team/app", "leased");
      await pushBlob(world, "team/app", "other");
      connection
        .prepare(
          "UPDATE blob_links SET leased_until = ? WHERE blob_id IN (SELECT id FROM blobs WHERE digest = ?)",
        )
        .run(far, leased);
      await world.collectAll();
      assert.deepEqual(connection.prepare("SELECT digest FROM blobs").pluck().all(), [leased]);
    }),
  );

  test(
    "is extended when a blob is pushed again",
    inWorld(async (world) => {
      const { connection } = world;
      await pushBlob(world, "team/app", "twice");
      connection.prepare("UPDATE blob_links SET leased_until = 0").run();
      await pushBlob(world, "team/app", "twice");
      const lease = connection.prepare("SELECT leased_until FROM blob_links").pluck().get();
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
  berth.addUser("mia");
  await berth.pushImage("mia/app", "mia", "private");
  const database = new SqliteDatabase(path.join(berth.data, "berth.db"), { readonly: true });
  const leaseOf = (table: "manifests" | "blob_links"): number =>
    Number(database.prepare(`SELECT max(leased_until) FROM ${table}`).pluck().get());
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
        berth.exec("UPDATE manifests SET leased_until = 0");
        await api.head("/v2/mia/app/manifests/1").expect(200);
        assert.ok(leaseOf("manifests") > Date.now());
      }
    });

    test(`by a pusher with ${how} extends the lease of the requested blob only`, async () => {
      berth.exec("UPDATE blob_links SET leased_until = 0");
      await (await client()).api.head(layer).expect(200);
      const leased = database.prepare(
        "SELECT digest FROM blobs JOIN blob_links ON blob_links.blob_id = blobs.id WHERE leased_until > ?",
      );
      assert.deepEqual(leased.pluck().all(Date.now()), [path.basename(layer)]);
    });
  }

  test("by a client with pull permission only does not change the leases", async () => {
    berth.exec("UPDATE manifests SET leased_until = 0; UPDATE blob_links SET leased_until = 0");
    const reader = berth.with(await berth.token("mia", scope("pull")));
    await reader.api.head("/v2/mia/app/manifests/1").expect(200);
    await reader.api.head(layer).expect(200);
    await berth.as("mia").api.get("/v2/mia/app/tags/list").expect(200);
    assert.deepEqual([leaseOf("manifests"), leaseOf("blob_links")], [0, 0]);
    database.close();
  });
});
