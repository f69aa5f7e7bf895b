import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { losses } from "../../crash/losses.ts";
import { waitUntil } from "../../support/wait.ts";
import type { Cluster } from "./cluster.ts";
import type { Load } from "./load.ts";
import { runBerth } from "./replica.ts";

/**
 * Checks that nothing is lost: what the loads have acknowledged is readable byte for byte through every replica, deleted
 * images are not, `berth check` finds nothing, and no session or row waits. Prints the longest pauses of the loads.
 */
export async function checkCluster(
  t: TestContext,
  cluster: Cluster,
  loads: Readonly<Record<string, Load>>,
): Promise<void> {
  const problems: string[] = [];
  let count = 0;
  for (const [name, { acknowledged, traffic }] of Object.entries(loads)) {
    t.diagnostic(`${name}: ${summary(traffic)}`);
    problems.push(...new Set(traffic.problems));
    count += acknowledged.images.length + acknowledged.deleted.length;
  }
  const images = Object.values(loads).flatMap(({ acknowledged }) => acknowledged.images);
  const deleted = Object.values(loads).flatMap(({ acknowledged }) => acknowledged.deleted);
  for (const replica of cluster.replicas) {
    if (!replica.alive()) continue;
    const wire = cluster.client(replica);
    const ledger = { blobs: [], images, deleted, uploads: new Set<never>(), latest: new Map() };
    problems.push(...(await losses(wire, ledger, { collected: true })));
    wire.close();
  }
  problems.push(...(await waiting(cluster)), ...(await checkRows(cluster)));
  // The last ones are those of the readers after the load.
  assert.equal(
    problems.length,
    0,
    [...problems.slice(0, 12), "…", ...problems.slice(-12)].join("\n"),
  );
  assert.ok(count > 0, "nothing was acknowledged");
}

function summary(traffic: Load["traffic"]): string {
  const { counts, failures } = traffic;
  const lost = `${traffic.lostSessions()} uploads began again`;
  const [push, pull] = (["push", "pull"] as const).map(
    (kind) =>
      `${counts[kind]} ${kind} requests, longest pause ${(traffic.longestPauseMs(kind) / 1000).toFixed(1)} s`,
  );
  const repeated = [...failures].map(([reason, times]) => `${times} × ${reason}`).join(", ");
  return `${push}; ${pull}; ${lost}; repeated: ${repeated === "" ? "none" : repeated}`;
}

/** Sessions that wait for a lock, transactions that stay open, and blobs that stay marked for deletion. */
async function waiting({ postgres, env }: Cluster): Promise<string[]> {
  const problems: string[] = [];
  const isQuiet = async (): Promise<boolean> => {
    const [row] = await postgres.query<{ waiting: string; open: string }>(
      `SELECT (SELECT count(*) FROM pg_locks WHERE NOT granted) AS waiting,
        (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
          AND xact_start < now() - interval '10 s') AS open`,
    );
    return Number(row?.waiting) === 0 && Number(row?.open) === 0;
  };
  await waitUntil("no session waits for a lock", isQuiet).catch((error: unknown) =>
    problems.push(String(error)),
  );
  if (env["BERTH_GC_DELETE_DELAY"] === "0s")
    await waitUntil("the bytes of all collected blobs are deleted", async () => {
      const [row] = await postgres.query<{ count: string }>(
        "SELECT count(*) FROM blobs WHERE state = 'deleting'",
      );
      return Number(row?.count) === 0;
    }).catch((error: unknown) => problems.push(String(error)));
  return problems;
}

/** The findings of `berth check`, except files that the collector has not deleted yet. */
async function checkRows({ env }: Cluster): Promise<string[]> {
  const { code, printed } = await runBerth(["check"], env);
  return code === 0 ? [] : [`berth check: ${printed.slice(0, 2_000)}`];
}
