import assert from "node:assert/strict";
import { hostname } from "node:os";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openStore } from "../../src/app/data-folder.ts";
import { openPostgresDatabase } from "../../src/database/postgres/open.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { pushBlob, startBerth, type TestBerth } from "../support/berth.ts";
import type { Settings } from "../support/settings.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { createTestSchema, isPostgresTested } from "../support/postgres.ts";
import { s3SettingsOf } from "../support/s3/settings.ts";
import { startS3Stub } from "../support/s3/stub.ts";
import { waitUntil } from "../support/wait.ts";
import { newGate, openClient } from "./client.ts";
import { bulk, mirrorSettings, newFolder, pushUpstream } from "./support.ts";

const MB = 1_000_000;

/** An upstream with a proxy that counts requests, and replicas of one mirror on one PostgreSQL database and one S3. */
async function startReplicas(count: number, more: Readonly<Record<string, unknown>> = {}) {
  const [schema, stub] = [await createTestSchema(), await startS3Stub()];
  const upstream = await startBerth(newFolder());
  const proxy = await startFaultyProxy(upstream.port);
  const settings: Settings = {
    ...mirrorSettings(proxy.url, { idle: "1m", ...more }),
    publicUrl: "http://berth.example",
    "database.url": schema.url,
    "database.pool": "5",
    ...s3SettingsOf(stub),
    "storage.s3.partSize": "5MiB",
  };
  const start = () => startBerth(newFolder(), settings);
  const replicas = await Promise.all(Array.from({ length: count }, start));
  const database = await openPostgresDatabase({
    ...{ url: schema.url, pool: 3, prepare: true, listsMaxAgeMs: 0, isNewAllowed: false },
  });
  assert.ok(database);
  after(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    await database.close();
    await proxy.close();
    await upstream.close();
    await stub.close();
    await schema.drop();
  });
  return { upstream, proxy, replicas, database, stub };
}

const read = async ({ port }: TestBerth, path: string): Promise<Buffer> =>
  (await openClient(port, path)).readAll();

describe("replicas of a mirror with blobs in S3", { skip: !isPostgresTested }, () => {
  test("fetch each manifest and blob once for 300 clients", async () => {
    const { upstream, proxy, replicas } = await startReplicas(3);
    const image = await pushUpstream({ upstream }, "library/cold", "1", bulk(2 * MB, "cold"));
    proxy.distance(20);
    proxy.reset();
    const pull = async (replica: TestBerth): Promise<void> => {
      assert.equal(Buffer.compare(await read(replica, "/v2/cold/manifests/1"), image.manifest), 0);
      // A client asks for all blobs at the same time.
      const [config, layer] = await Promise.all(
        [image.config, image.layer].map((digest) => read(replica, `/v2/cold/blobs/${digest}`)),
      );
      assert.ok(config !== undefined && config.length > 0);
      assert.equal(Buffer.compare(layer ?? Buffer.of(), image.layerBytes), 0);
    };
    await Promise.all(
      Array.from({ length: 300 }, (_, index) => pull(replicas[index % 3] ?? assert.fail())),
    );
    const gets = [...proxy.counts].filter(([request]) => request.startsWith("GET "));
    assert.deepEqual(
      gets.map(([, times]) => times),
      [1, 1, 1],
      gets.join("\n"),
    );
  });

  test("take a download over at once when the replica that runs it stops", async () => {
    const { upstream, proxy, replicas } = await startReplicas(2);
    const size = 12 * MB;
    const image = await pushUpstream({ upstream }, "library/late", "1", bulk(size, "late"));
    const [leader, follower] = [replicas[0] ?? assert.fail(), replicas[1] ?? assert.fail()];
    const path = `/v2/late/blobs/${image.layer}`;
    const gate = newGate();
    proxy.fail({ kind: "stall", atByte: 11 * MB, until: gate.until }, /\/blobs\//, 1);
    const first = await openClient(leader.port, path);
    await first.read(10 * MB);
    const second = read(follower, path);
    await pause(500);
    assert.equal(proxy.count("GET", /\/blobs\//), 1);
    const stoppedAtMs = performance.now();
    await leader.close();
    await waitUntil(
      "the other replica asks the upstream",
      () => proxy.count("GET", /\/blobs\//) === 2,
    );
    const passedMs = Math.round(performance.now() - stoppedAtMs);
    assert.ok(passedMs < 10_000, `${passedMs} ms: it waited for missing heartbeats`);
    assert.equal(Buffer.compare(await second, image.layerBytes), 0);
    assert.equal(proxy.count("GET", /\/blobs\//), 2);
    gate.open();
  });

  test("take a download over from a replica that has sent no heartbeat for 15 s", async () => {
    const { upstream, proxy, replicas, database } = await startReplicas(2);
    const image = await pushUpstream(
      { upstream },
      "library/lost",
      "1",
      "the layer of a lost replica",
    );
    const reference = image.layer;
    const store = await openStore(replicas[0]?.config ?? assert.fail());
    const storageReference = await store.begin();
    await store.close();
    const repository = parseRepositoryName("docker.io/library/lost");
    const begin = (nowMs: number) =>
      database.commands.beginMirrorFetch({
        ...{ repository, reference, owner: `${hostname()}/999999999/gone`, nowMs },
        ...{ storageReference, takesFrom: undefined },
      });
    await begin(Date.now() - 12_000);
    const path = `/v2/lost/blobs/${image.layer}`;
    const waiting = Promise.all(replicas.map((replica) => read(replica, path)));
    await pause(1_000);
    // The process id does not exist on this host, but it may exist in another container.
    assert.equal(proxy.count("GET", /\/blobs\//), 0);
    for (const bytes of await waiting) assert.deepEqual(bytes, image.layerBytes);
    assert.equal(proxy.count("GET", /\/blobs\//), 1);
  });

  test("keep the cache size together, and delete no bytes that another replica may be sending", async () => {
    const { upstream, replicas, database, stub } = await startReplicas(3, { cacheSize: "3MB" });
    const names = Array.from({ length: 24 }, (_, index) => `app${index}`);
    const images = new Map<string, Awaited<ReturnType<typeof pushUpstream>>>();
    for (const name of names)
      images.set(
        name,
        await pushUpstream({ upstream }, `library/${name}`, "1", bulk(MB / 4, name)),
      );
    const hosted = await pushBlob(
      replicas[0] ?? assert.fail(),
      "team/hosted",
      bulk(MB / 4, "app0"),
    );
    const pull = async (name: string, index: number): Promise<void> => {
      const image = images.get(name) ?? assert.fail();
      const replica = replicas[index % replicas.length] ?? assert.fail();
      const bytes = await read(replica, `/v2/${name}/blobs/${image.layer}`);
      assert.equal(Buffer.compare(bytes, image.layerBytes), 0);
    };
    await Promise.all(names.map(pull));
    await Promise.all(names.map((name, index) => pull(name, index + 1)));
    await waitUntil("the blobs fit into the cache", async () => {
      const { bytes } = await database.mirrorUses.stock("docker.io");
      return bytes > 0 && bytes <= 3 * MB;
    });
    await read(replicas[2] ?? assert.fail(), `/v2/team/hosted/blobs/${hosted}`);
    const blobs = [...stub.bucket.objects.values()].filter(({ sizeBytes }) => sizeBytes === MB / 4);
    assert.ok(blobs.length >= names.length, `${blobs.length} blobs are left`);
  });
});
