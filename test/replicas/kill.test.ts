import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitUntil } from "../support/wait.ts";
import { collecting, leaseMs, nameOf, startCluster } from "./support/cluster.ts";
import { startLoad, type Load } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

/** A frozen process keeps its sessions for 5 s, and leads for 15 s. */
const frozenMs = 17_000;

describe("three replicas with pushes, pulls, deletes and collections", async () => {
  const cluster = await startCluster({ env: collecting });
  const { postgres, replicas } = cluster;
  const begin = (name: string): Load =>
    startLoad({ connect: () => cluster.client(), name, leaseMs });

  test("kill -9 of each replica in turn loses no acknowledged push", async (t) => {
    const load = begin("kill");
    for (const [index, replica] of replicas.entries()) {
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

  test("a replica that is frozen in a transaction holds up no other replica, and continues afterwards", async (t) => {
    const load = begin("frozen");
    const [frozen] = replicas;
    assert.ok(frozen);
    await pause(loadMs);
    const holdsRows = async (): Promise<boolean> => {
      const [row] = await postgres.query<{ count: string }>(
        `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
         WHERE application_name = '${nameOf(0)}' AND locktype = 'transactionid' AND granted`,
      );
      return Number(row?.count) > 0;
    };
    await waitUntil("it is frozen while it holds rows", async () => {
      frozen.signal("SIGSTOP");
      if (await holdsRows()) return true;
      frozen.signal("SIGCONT");
      return false;
    });
    // These clients do not reach the frozen replica, so their pause is the time that its locks last.
    const others = startLoad({
      connect: () => cluster.client(replicas[1]),
      ...{ name: "others", into: "frozen", pushers: 3, pullers: 1, leaseMs },
    });
    await pause(frozenMs);
    await others.stop();
    assert.equal(await holdsRows(), false);
    frozen.signal("SIGCONT");
    await pause(loadMs / 2);
    await load.stop();
    await checkCluster(t, cluster, {
      "frozen, all clients": load,
      "frozen, clients of another replica": others,
    });
    assert.ok(others.traffic.longestPauseMs("push") < 10_000);
  });
});
