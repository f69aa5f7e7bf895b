import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

test("a collector with a lease of 2 s deletes nothing that three replicas push, and no request fails", async (t) => {
  // Without deleteUntagged a deleted index leaves its images, and the collector finds nothing on a fast machine.
  const env = { ...collecting, BERTH_GC_DELETE_UNTAGGED: "true" };
  const cluster = await startCluster({ env });
  const load = startLoad({
    ...{ connect: () => cluster.client(), name: "collector", leaseMs },
    ...{ pushers: 8, repositories: 2 },
  });
  await pause(loadMs * 3);
  await load.stop();
  await checkCluster(t, cluster, { "collector on one replica": load });
  const freed = cluster.replicas.flatMap((replica) =>
    [...replica.log().matchAll(/"blobs":(\d+)[^\n]*"collected"/g)].map(([, blobs]) =>
      Number(blobs),
    ),
  );
  const sum = freed.reduce((total, blobs) => total + blobs, 0);
  t.diagnostic(`${freed.length} collections freed ${sum} blobs`);
  assert.ok(sum > 0, "the collector deleted nothing");
  assert.deepEqual([...load.traffic.failures.keys()], []);
  assert.equal(load.traffic.lostSessions(), 0, "no replica died with a session");
});
