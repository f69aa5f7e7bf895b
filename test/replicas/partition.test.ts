import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitUntil } from "../support/wait.ts";
import { atEnd } from "../clients/support/scratch.ts";
import { collecting, leaseMs, nameOf, startCluster } from "./support/cluster.ts";
import { startLoad } from "./support/load.ts";
import { checkCluster } from "./support/oracle.ts";
import { loadMs } from "./support/times.ts";

/** The addresses of the two ends of a cable: this network namespace, and that of the first replica. */
const [here, there] = ["198.18.0.1", "198.18.0.2"];
const ip = (...args: readonly string[]): void => void execFileSync("ip", args);

function createNamespace(): void {
  ip("netns", "add", "apart");
  atEnd(() => ip("netns", "delete", "apart"));
  ip("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", "apart");
  ip("address", "add", `${here}/30`, "dev", "here");
  ip("link", "set", "here", "up");
  const inside = ["netns", "exec", "apart", "ip"];
  ip(...inside, "address", "add", `${there}/30`, "dev", "there");
  ip(...inside, "link", "set", "there", "up");
  ip(...inside, "link", "set", "lo", "up");
}

test("a replica that is cut off while it holds rows stops no other replica, and continues when it is back", async (t) => {
  createNamespace();
  const cluster = await startCluster({
    env: collecting,
    ofReplica: (index) =>
      index === 0 ? { host: there, through: ["ip", "netns", "exec", "apart"], peer: here } : {},
  });
  const { postgres, replicas } = cluster;
  const [first] = replicas;
  assert.ok(first);
  // Its own clients keep the first replica in transactions.
  const busy = startLoad({
    connect: () => cluster.client(first),
    ...{ name: "cut", pushers: 8, pullers: 0, repositories: 1, leaseMs },
  });
  await pause(loadMs);
  const holdsRows = async (): Promise<boolean> => {
    const [row] = await postgres.query<{ count: string }>(
      `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE application_name = '${nameOf(0)}' AND locktype = 'transactionid' AND granted`,
    );
    return Number(row?.count) > 0;
  };
  await waitUntil("it is cut off while it holds rows", async () => {
    ip("link", "set", "here", "down");
    if (await holdsRows()) return true;
    ip("link", "set", "here", "up");
    await pause(200);
    return false;
  });
  // The same repository, whose row the first replica holds.
  const others = startLoad({
    connect: () => cluster.client(replicas[1]),
    ...{ name: "others", into: "cut", pushers: 4, pullers: 1, repositories: 1, leaseMs },
  });
  await waitUntil("PostgreSQL has ended its transactions", async () => !(await holdsRows()));
  await pause(loadMs);
  await others.stop();
  ip("link", "set", "here", "up");
  await pause(loadMs);
  await busy.stop();
  await checkCluster(t, cluster, {
    "cut off, its clients": busy,
    "cut off, clients of another replica": others,
  });
  assert.ok(others.traffic.longestPauseMs("push") < 12_000);
});
