import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad, type Load } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

describe("three replicas with pushes, pulls, deletes and collections", async () => {
  const cluster = await startCluster({ env: collecting });
  const begin = (name: string): Load =>
    startLoad({ connect: () => cluster.client(), name, leaseMs });

  test("kill -9 of each replica in turn loses no acknowledged push", async (t) => {
    const load = begin("kill");
    for (const [index, replica] of cluster.replicas.entries()) {
      await pause(loadMs);
      await replica.end("SIGKILL");
      await pause(loadMs / 2);
      await cluster.start(index);
    }
    await pause(loadMs / 2);
    await load.stop();
    await checkCluster(t, cluster, { "kill -9 of each replica": load });
    assert.ok(load.traffic.longestPauseMs("push") < 15_000);
  });
});
