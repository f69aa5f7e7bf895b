import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startTcpBalancer } from "./support/balancer.ts";
import { startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import type { Postgres } from "./support/postgres.ts";
import { loadMs } from "./support/times.ts";

test("a failover to a synchronous standby loses no acknowledged push, and needs no restart of a replica", async (t) => {
  let standby: Postgres | undefined;
  const cluster = await startCluster({
    databaseUrl: async (primary) => {
      standby = await primary.createStandby();
      const { port } = await startTcpBalancer([primary.port, standby.port]);
      return primary.url({ port });
    },
  });
  assert.ok(standby);
  const load = startLoad({ connect: () => cluster.client(), name: "failover" });
  await pause(loadMs);
  await cluster.postgres.stop("immediate");
  // HAProxy leads the replicas to the standby before it is the primary: their commands fail as in a read-only database.
  await pause(2_500);
  await standby.promote();
  await pause(loadMs * 2);
  await load.stop();
  assert.ok(cluster.replicas.every((replica) => replica.alive()));
  await checkCluster(t, { ...cluster, postgres: standby }, { "failover to a standby": load });
  assert.ok(load.traffic.longestPauseMs("push") < 15_000);
});
