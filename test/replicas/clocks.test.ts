import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { run } from "../clients/support/command.ts";
import { collecting, leaseMs, startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

test("clocks that are 2 minutes apart break no token, lease or upload", async (t) => {
  const library = (
    await run("faketime", ["-m", "-f", "+0", "printenv", "LD_PRELOAD"])
  ).stdout.trim();
  const offsets = ["+120", "+0", "-120"];
  const cluster = await startCluster({
    env: collecting,
    ofReplica: (index) => ({
      env: {
        LD_PRELOAD: library,
        FAKETIME: `${offsets[index]}s`,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      },
    }),
  });
  for (const [index, replica] of cluster.replicas.entries()) {
    const { headers } = await cluster.client(replica).send("HEAD", "/v2/");
    const apart = (Date.parse(String(headers.date)) - Date.now()) / 1_000;
    assert.ok(Math.abs(apart - Number(offsets[index])) < 10, `replica ${index}: ${apart} s`);
  }
  const load = startLoad({ connect: () => cluster.client(), name: "clocks", leaseMs });
  await pause(loadMs * 3);
  await load.stop();
  await checkCluster(t, cluster, { "clocks 2 minutes apart": load });
  assert.deepEqual([...load.traffic.failures.keys()], []);
  assert.equal(load.traffic.lostSessions(), 0, "no replica died with a session");
});
