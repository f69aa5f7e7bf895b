import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { DatabaseClock } from "../../src/coordination/database-clock.ts";
import { demandOneHost, joinReplicas, SeveralHostsError } from "../../src/coordination/presence.ts";
import { CoordinationInMemory } from "../support/coordination.ts";

const replica = (id: string, host = "one") => ({ id, host, version: "1.2.3" });
const quiet = { log: { warn: () => undefined }, report: () => undefined };

describe("the presence of a replica", () => {
  test("is a row from its start to its end, and sets its clock", async () => {
    const coordination = new CoordinationInMemory();
    const clock = new DatabaseClock();
    const parts = { ...quiet, coordination, clock };
    const presence = await joinReplicas({ ...parts, replica: replica("a") });
    assert.deepEqual(
      (await coordination.listReplicas()).map(({ id, version }) => ({ id, version })),
      [{ id: "a", version: "1.2.3" }],
    );
    assert.ok(Math.abs(clock.now() - coordination.clockMs) < 1_000);
    await presence.close();
    assert.deepEqual(await coordination.listReplicas(), []);
  });

  test("ends with its row, also while the row is being written again", async () => {
    const coordination = new CoordinationInMemory();
    mock.timers.enable({ apis: ["setInterval"] });
    try {
      const parts = { ...quiet, coordination, clock: new DatabaseClock(), replica: replica("a") };
      const presence = await joinReplicas(parts);
      const seeReplica = coordination.seeReplica.bind(coordination);
      coordination.seeReplica = async (seen) => {
        await pause(50);
        return await seeReplica(seen);
      };
      mock.timers.tick(5_000);
      await presence.close();
      await pause(100);
      assert.deepEqual(await coordination.listReplicas(), []);
    } finally {
      mock.timers.reset();
    }
  });

  test("logs once that the clock of the machine differs by more than 30 s", async () => {
    const warnings: string[] = [];
    const log = { warn: (_: object, message: string) => void warnings.push(message) };
    const clock = new DatabaseClock();
    const coordination = new CoordinationInMemory();
    const parts = { ...quiet, log, coordination, clock, replica: replica("a") };
    await (await joinReplicas(parts)).close();
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /the clock of this machine is \d+ s ahead/);
  });
});

describe("a replica with blobs in a folder", () => {
  test("starts beside replicas on the same host", async () => {
    const coordination = new CoordinationInMemory();
    await coordination.seeReplica(replica("a"));
    await demandOneHost(coordination, "one");
  });

  test("does not start while a replica on another host is alive, and names both hosts", async () => {
    const coordination = new CoordinationInMemory();
    await coordination.seeReplica(replica("a", "two"));
    const seeing = setInterval(() => {
      coordination.clockMs += 500;
      void coordination.seeReplica(replica("a", "two"));
    }, 100);
    coordination.clockMs += 4_000;
    const starting = demandOneHost(coordination, "one");
    await assert.rejects(starting, (error) => {
      assert.ok(error instanceof SeveralHostsError);
      assert.match(error.message, /host two .* this host is one.*storage.driver s3/);
      return true;
    });
    clearInterval(seeing);
  });

  test("starts after a replica on another host has died", async () => {
    const coordination = new CoordinationInMemory();
    await coordination.seeReplica(replica("a", "two"));
    const passing = setInterval(() => (coordination.clockMs += 2_000), 100);
    await demandOneHost(coordination, "one");
    clearInterval(passing);
  });
});
