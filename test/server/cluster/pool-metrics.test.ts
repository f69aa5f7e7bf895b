import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderMetrics } from "../../../src/observability/metrics.ts";
import { ProcessMetrics } from "../../../src/observability/process-metrics.ts";
import { PoolMetrics } from "../../../src/server/cluster/pool-metrics.ts";

/** A worker that has sent a number of manifests. */
function workerWith(pulls: number): ProcessMetrics {
  const metrics = new ProcessMetrics();
  metrics.counter("berth_pulls_total").add(pulls);
  return metrics;
}

async function valueOf(pool: PoolMetrics, name: string): Promise<number> {
  const { body } = await renderMetrics(await pool.collect(), "");
  return Number(new RegExp(`^${name} (.+)$`, "m").exec(body)?.[1]);
}

describe("the metrics of the primary process and its workers", () => {
  test("are added, and do not go down when a worker ends and another one starts", async () => {
    const pool = new PoolMetrics(new ProcessMetrics());
    const [first, second] = [workerWith(10), workerWith(5)];
    pool.add(first, () => first.collect());
    pool.add(second, () => second.collect());
    assert.equal(await valueOf(pool, "berth_pulls_total"), 15);
    assert.equal(await valueOf(pool, "berth_processes"), 3);
    pool.remove(first);
    assert.equal(await valueOf(pool, "berth_pulls_total"), 15);
    assert.equal(await valueOf(pool, "berth_processes"), 2);
    const third = workerWith(1);
    pool.add(third, () => third.collect());
    pool.remove(second);
    assert.equal(await valueOf(pool, "berth_pulls_total"), 16);
  });

  test("have the last values of a worker that does not answer", async () => {
    const pool = new PoolMetrics(new ProcessMetrics());
    const stuck = workerWith(10);
    let isStuck = false;
    pool.add(stuck, () => (isStuck ? new Promise(() => undefined) : stuck.collect()));
    assert.equal(await valueOf(pool, "berth_pulls_total"), 10);
    isStuck = true;
    const beganAtMs = performance.now();
    assert.equal(await valueOf(pool, "berth_pulls_total"), 10);
    assert.ok(performance.now() - beganAtMs < 5_000);
  });

  test("have the last values of a worker that has just ended", async () => {
    const pool = new PoolMetrics(new ProcessMetrics());
    const worker = workerWith(10);
    let isGone = false;
    const gone = new Error("the other process of this server has ended");
    pool.add(worker, () => (isGone ? Promise.reject(gone) : worker.collect()));
    assert.equal(await valueOf(pool, "berth_pulls_total"), 10);
    isGone = true;
    assert.equal(await valueOf(pool, "berth_pulls_total"), 10);
  });
});
