import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createWire } from "../crash/wire.ts";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad, type Load } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

describe("three replicas whose database or store is away for some seconds", async () => {
  const cluster = await startCluster({ env: collecting });
  const { postgres, replicas, s3 } = cluster;
  const begin = (name: string): Load =>
    startLoad({ connect: () => cluster.client(), name, leaseMs });
  const awayMs = 3_000;

  const statuses = async (path: string): Promise<readonly number[]> =>
    await Promise.all(
      replicas.map(async ({ url }) => {
        const wire = createWire(url);
        const { status } = await wire.send("GET", path);
        wire.close();
        return status;
      }),
    );

  test("a crash of PostgreSQL loses no acknowledged push, and all replicas continue without a restart", async (t) => {
    const load = begin("postgres");
    await pause(loadMs);
    const stoppedAt = performance.now();
    await postgres.stop("immediate");
    await pause(awayMs);
    assert.deepEqual(await statuses("/healthz"), [200, 200, 200]);
    await postgres.start();
    const downMs = performance.now() - stoppedAt;
    t.diagnostic(`PostgreSQL was down for ${(downMs / 1000).toFixed(1)} s`);
    await pause(loadMs);
    await load.stop();
    assert.ok(replicas.every((replica) => replica.alive()));
    assert.deepEqual(await statuses("/readyz"), [200, 200, 200]);
    await checkCluster(t, cluster, { "PostgreSQL crashes and restarts": load });
    assert.ok(load.traffic.longestPauseMs("push") < downMs + 8_000);
  });

  test("while S3 is away pushes are 503, and afterwards nothing is lost or marked as missing", async (t) => {
    const load = begin("s3");
    await pause(loadMs);
    await s3.stop();
    await pause(awayMs);
    assert.deepEqual(await statuses("/healthz"), [200, 200, 200]);
    await s3.start();
    await pause(loadMs);
    await load.stop();
    const [row] = await postgres.query<{ count: string }>(
      "SELECT count(*) FROM blobs WHERE state = 'missing'",
    );
    assert.equal(Number(row?.count), 0);
    await checkCluster(t, cluster, { "S3 is away": load });
    assert.ok(load.traffic.longestPauseMs("push") < awayMs + 10_000);
  });
});
