import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Coordination } from "../../../src/database/coordination.ts";
import { excludeReplicas } from "../../../src/database/postgres/coordination.ts";
import { beginSource } from "../../../src/database/postgres/table-copy.ts";
import type { PostgresDatabase } from "../../../src/database/postgres/open.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { isPostgresTested, openPostgresForTest } from "../../support/postgres.ts";

const coordinationTests = (): void => {
  let database: PostgresDatabase;
  let close: () => Promise<void>;
  let coordination: Coordination;
  before(async () => {
    ({ database, close } = await openPostgresForTest());
    assert.ok(database.coordination);
    ({ coordination } = database);
  });
  after(() => close());

  const startUpload = async (id: string): Promise<void> => {
    const repository = parseRepositoryName("team/app");
    const times = { started_at: 1, touched_at: 1 };
    const upload = { id, repository, storage_reference: id, account_id: null, ...times };
    await database.commands.startUpload(upload);
  };
  /** Lets the times of the rows pass. */
  const age = async (table: string, column: string, ms: number): Promise<void> => {
    await database.pool.read(`UPDATE ${table} SET ${column} = ${column} - $1`, [ms]);
  };

  test("a replica is listed while it is seen, and forgotten after 60 s", async () => {
    const one = { id: "one", host: "host", version: "1.2.3" };
    const nowMs = await coordination.seeReplica(one);
    assert.ok(Math.abs(nowMs - (await coordination.nowMs())) < 1_000);
    await coordination.seeReplica(one);
    const [found, ...others] = await coordination.listReplicas();
    assert.deepEqual(others, []);
    assert.ok(found);
    assert.deepEqual(
      { ...found, startedAtMs: 0, unseenMs: 0, schemaVersion: 0 },
      {
        ...one,
        startedAtMs: 0,
        unseenMs: 0,
        schemaVersion: 0,
      },
    );
    assert.ok(found.schemaVersion >= 17 && found.unseenMs < 1_000);
    await age("replicas", "seen_at", 61_000);
    assert.deepEqual(await coordination.listReplicas(), []);
    await coordination.seeReplica({ ...one, id: "two" });
    assert.deepEqual(await database.pool.read("SELECT id FROM replicas"), [{ id: "two" }]);
    await coordination.forgetReplica("two");
    assert.deepEqual(await coordination.listReplicas(), []);
  });

  test("a lease has one owner, and its term rises with each new one", async () => {
    assert.equal(await coordination.takeLease("gc", "a", 15_000), 1);
    assert.equal(await coordination.takeLease("gc", "a", 15_000), 1);
    assert.equal(await coordination.takeLease("gc", "b", 15_000), undefined);
    await age("leases", "leased_until", 16_000);
    assert.equal(await coordination.takeLease("gc", "b", 15_000), 2);
    assert.equal(await coordination.takeLease("gc", "a", 15_000), undefined);
    await coordination.releaseLease("gc", "a");
    assert.equal(await coordination.takeLease("gc", "a", 15_000), undefined);
    await coordination.releaseLease("gc", "b");
    assert.equal(await coordination.takeLease("gc", "a", 15_000), 3);
  });

  test("of many that take a free lease at once, one gets it", async () => {
    const owners = Array.from({ length: 8 }, (_, index) => `owner-${index}`);
    const terms = await Promise.all(
      owners.map((owner) => coordination.takeLease("scrub", owner, 15_000)),
    );
    assert.equal(terms.filter((term) => term !== undefined).length, 1);
  });

  test("a time of a schedule is taken once, and an earlier one never again", async () => {
    const taken = await Promise.all([1, 2, 3].map(() => coordination.takeScheduleRun("s", 1_000)));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.equal(await coordination.takeScheduleRun("s", 500), false);
    assert.equal(await coordination.takeScheduleRun("s", 2_000), true);
  });

  test("the lock of an upload has one holder, whom a second one tells that it waits", async () => {
    await startUpload("upload");
    const held = await coordination.holdUpload("upload", "a");
    assert.equal(held.state, "held");
    assert.ok(held.row.repository === "team/app" && held.row.held_until !== null);
    assert.equal("holder" in held.row, false);
    assert.equal(await coordination.isUploadHeld("upload"), true);
    assert.deepEqual(
      await coordination.renewUploads(["upload"], "a"),
      new Map([["upload", false]]),
    );
    assert.deepEqual(await coordination.holdUpload("upload", "b"), { state: "busy" });
    assert.deepEqual(await coordination.renewUploads(["upload"], "a"), new Map([["upload", true]]));
    await coordination.releaseUpload("upload", "b");
    assert.equal(await coordination.isUploadHeld("upload"), true);
    await coordination.releaseUpload("upload", "a");
    assert.equal(await coordination.isUploadHeld("upload"), false);
    assert.deepEqual(await coordination.renewUploads(["upload"], "a"), new Map(), "a late one");
    assert.equal((await coordination.holdUpload("upload", "b")).state, "held");
    assert.deepEqual(
      await coordination.renewUploads(["upload"], "b"),
      new Map([["upload", false]]),
    );
  });

  test("the lock of an upload ends 3 s after its last renewal, and its holder learns that", async () => {
    await startUpload("other");
    await coordination.holdUpload("other", "dead");
    await age("uploads", "held_until", 4_000);
    assert.equal(await coordination.isUploadHeld("other"), false);
    for (const answer of ["lost", "received"]) {
      const next = await coordination.holdUpload("other", "next");
      assert.ok(next.state === "held" && next.isTakenOver, answer);
    }
    assert.deepEqual(await coordination.renewUploads(["other"], "dead"), new Map());
    assert.deepEqual(await coordination.holdUpload("no upload", "next"), { state: "absent" });
  });

  test("of many that want the lock of an upload at once, one gets it", async () => {
    await startUpload("wanted");
    const holds = await Promise.all(
      Array.from({ length: 8 }, (_, index) => coordination.holdUpload("wanted", `${index}`)),
    );
    assert.equal(holds.filter(({ state }) => state === "held").length, 1);
  });

  test("no replica starts while a copy of the database excludes them, and none is excluded while one runs", async () => {
    const connection = await database.pool.connect();
    try {
      await coordination.seeReplica({ id: "one", host: "host", version: "1" });
      await beginSource(connection);
      assert.equal(await excludeReplicas(connection), false, "a replica runs");
      await connection.query("ROLLBACK");
      await coordination.forgetReplica("one");
      await coordination.runAlone(async () => {
        await beginSource(connection);
        assert.equal(await excludeReplicas(connection), false, "a replica starts");
        await connection.query("ROLLBACK");
      });
      await beginSource(connection);
      assert.equal(await excludeReplicas(connection), true);
      let hasStarted = false;
      const starting = coordination.runAlone(async () => void (hasStarted = true));
      await pause(200);
      assert.equal(hasStarted, false);
      await connection.query("ROLLBACK");
      await starting;
    } finally {
      connection.release(true);
    }
  });

  test("work that runs alone runs one after another, and the next one after a failure", async () => {
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await pause(20);
      running -= 1;
    };
    await assert.rejects(
      coordination.runAlone(() => Promise.reject(new Error("cannot begin"))),
      /cannot begin/,
    );
    await Promise.all([1, 2, 3].map(() => coordination.runAlone(work)));
    assert.equal(most, 1);
  });
};

if (isPostgresTested) describe("the coordination in PostgreSQL", coordinationTests);
