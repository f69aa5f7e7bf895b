import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ReadOnlyMode } from "../../src/database/maintenance/read-only-mode.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import { ReadOnly } from "../../src/maintenance/read-only.ts";
import { openTestDatabase } from "../support/database.ts";

const actor = systemActor("berth");

/** Two processes on one database. `reads` counts the queries of the first. */
async function openWorld() {
  const database = await openTestDatabase();
  let [nowMs, reads] = [0, 0];
  const readOnlyMode = {
    find(): Promise<ReadOnlyMode | undefined> {
      reads += 1;
      return database.readOnlyMode.find();
    },
  };
  const clock = () => nowMs;
  const { commands } = database;
  return {
    one: new ReadOnly({ database: { commands, readOnlyMode }, clock, elapsedMs: clock }),
    other: new ReadOnly({ database, clock, elapsedMs: clock }),
    reads: () => reads,
    wait: (ms: number) => (nowMs += ms),
  };
}

describe("read-only mode of several processes", () => {
  test("is read at most twice per second, by all requests together", async () => {
    const { one, wait, reads } = await openWorld();
    for (let request = 0; request < 100; request += 1) {
      await Promise.all([one.current(), one.current(), one.current()]);
      wait(10);
    }
    assert.equal(reads(), 2);
  });

  test("is obeyed half a second after a change by another process, and at once after an own one", async () => {
    const { one, other, wait } = await openWorld();
    assert.equal(await one.current(), undefined);
    assert.equal(await other.current(), undefined);
    const mode = await one.start(actor, "why");
    assert.deepEqual(mode, { reason: "why", changedAtMs: 0, changedBy: "berth" });
    assert.deepEqual(await one.current(), mode);
    wait(500);
    assert.deepEqual(await other.current(), mode);
    assert.equal(await other.end(actor), true);
    assert.equal(await other.end(actor), false);
    assert.equal(await other.current(), undefined);
    wait(500);
    assert.equal(await one.current(), undefined);
  });
});
