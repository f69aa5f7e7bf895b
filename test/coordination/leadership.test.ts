import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  createLeadership,
  soleLeadership,
  type Stoppable,
} from "../../src/coordination/leadership.ts";
import { CoordinationInMemory } from "../support/coordination.ts";
import { waitUntil } from "../support/wait.ts";

/** Replicas on one database, and the names of those that run the work. */
function replicasOn(coordination: CoordinationInMemory) {
  const working: string[] = [];
  const start = (replicaId: string): Stoppable => {
    const leadership = createLeadership({
      coordination,
      replicaId,
      log: { info: () => undefined },
      report: () => undefined,
      everyMs: 5,
    });
    return leadership.runAsLeader("maintenance", () => {
      working.push(replicaId);
      return { stop: () => void working.splice(working.indexOf(replicaId), 1) };
    });
  };
  return { working, start };
}

describe("work of which one replica is the leader", () => {
  test("runs in the first replica, and in the next one as soon as the first has ended", async () => {
    const { working, start } = replicasOn(new CoordinationInMemory());
    const first = start("a");
    await waitUntil("the leader has changed", () => working.length === 1);
    const second = start("b");
    assert.deepEqual(working, ["a"]);
    await first.stop();
    await waitUntil("the leader has changed", () => working.includes("b"));
    assert.deepEqual(working, ["b"]);
    await second.stop();
    assert.deepEqual(working, []);
  });

  test("stops when another replica has taken the lease over, as after a pause", async () => {
    const coordination = new CoordinationInMemory();
    const { working, start } = replicasOn(coordination);
    const first = start("a");
    await waitUntil("the leader has changed", () => working.length === 1);
    coordination.clockMs += 20_000;
    assert.equal(await coordination.takeLease("maintenance", "b", 15_000), 2);
    await waitUntil("the leader has changed", () => working.length === 0);
    coordination.clockMs += 20_000;
    await waitUntil("the leader has changed", () => working.length === 1);
    await first.stop();
  });

  test("continues while the database is away for less than the lease", async () => {
    const coordination = new CoordinationInMemory();
    const { working, start } = replicasOn(coordination);
    const only = start("a");
    await waitUntil("the leader has changed", () => working.length === 1);
    coordination.isAway = true;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(working, ["a"]);
    await only.stop();
  });

  test("runs at once in the only server of a data folder, which asks no database", async () => {
    let started = 0;
    soleLeadership.runAsLeader("maintenance", () => {
      started += 1;
      return { stop: () => undefined };
    });
    assert.equal(started, 1);
    assert.equal(await soleLeadership.takeScheduleRun("a", 1), true);
    assert.equal(await soleLeadership.takeScheduleRun("a", 1), true);
  });
});
