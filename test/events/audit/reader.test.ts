import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Coordination } from "../../../src/database/coordination.ts";
import type { AuditEntry } from "../../../src/database/events/audit.ts";
import { AuditReader } from "../../../src/events/audit/reader.ts";
import { isPostgresTested, openPostgresForTest } from "../../support/postgres.ts";

const entry = (id: number): AuditEntry => ({
  ...{ id, atMs: 0, actor: "", account: "", action: "", subject: "", data: {}, peer: "" },
});

/** A reader of a log whose visible ids and whose transactions a test sets. */
function start(ids: number[]) {
  const state = { ids, oldest: 1, next: 1 };
  const auditForwarding = {
    after: async (id: number, limit: number) =>
      state.ids
        .filter((one) => one > id)
        .toSorted((a, b) => a - b)
        .slice(0, limit)
        .map(entry),
    newestId: async () => Math.max(0, ...state.ids),
  };
  const coordination = {
    transactions: async () => ({ oldest: state.oldest, next: state.next }),
  } as Coordination;
  const reader = new AuditReader({ auditForwarding, coordination });
  const after = async (id: number, limit = 100): Promise<readonly number[]> =>
    (await reader.after(id, limit)).map((one) => one.id);
  return { state, after };
}

describe("the order in which the audit log is read", () => {
  test("is that of the ids, and entries without a gap are read at once", async () => {
    const { after } = start([1, 2, 3]);
    assert.deepEqual(await after(0), [1, 2, 3]);
    assert.deepEqual(await after(1, 1), [2]);
    assert.deepEqual(await after(3), []);
  });

  test("waits at a gap while a transaction runs that may commit the missing entry", async () => {
    const { state, after } = start([1, 2, 4, 5]);
    Object.assign(state, { oldest: 7, next: 9 });
    for (let look = 0; look < 4; look += 1) assert.deepEqual(await after(0), [1, 2], `${look}`);
    assert.deepEqual(await after(2), []);
    state.ids.push(3);
    assert.deepEqual(await after(2), [3, 4, 5]);
  });

  test("passes a gap that stays when all transactions have ended that ran when it was seen", async () => {
    const { state, after } = start([1, 3, 4]);
    Object.assign(state, { oldest: 7, next: 9 });
    assert.deepEqual(await after(1), [], "the gap is seen");
    assert.deepEqual(await after(1), [], "the numbers of transactions are asked for");
    Object.assign(state, { oldest: 8, next: 12 });
    assert.deepEqual(await after(1), [], "one still runs");
    Object.assign(state, { oldest: 9, next: 12 });
    state.ids.push(6);
    assert.deepEqual(await after(1), [3, 4], "a later gap waits for later transactions");
  });

  test("passes all gaps up to the newest entry after one wait", async () => {
    const { state, after } = start([2, 4, 6, 8, 10]);
    for (let look = 0; look < 2; look += 1) assert.deepEqual(await after(0, 2), []);
    state.oldest = state.next;
    assert.deepEqual(await after(0, 2), [2, 4]);
    assert.deepEqual(await after(4, 2), [6, 8]);
    assert.deepEqual(await after(8, 2), [10]);
  });
});

if (isPostgresTested)
  describe("the audit log in PostgreSQL", () => {
    test("is read in the order of its ids, also when a later entry commits first, and past one that never commits", async (t) => {
      const { database, tables, close } = await openPostgresForTest();
      t.after(close);
      const reader = new AuditReader(database);
      const add = "INSERT INTO audit_log (at, actor, account, action, subject) VALUES";
      const values = `(1, '', 'berth', 'server.scrub', 'blobs')`;
      const ids = async (): Promise<readonly number[]> =>
        (await reader.after(0, 10)).map(({ id }) => id);
      const connection = await database.pool.connect();
      try {
        await connection.query("BEGIN");
        await connection.query(`${add} ${values}`);
        await tables.exec(`${add} ${values}`);
        for (let look = 0; look < 3; look += 1) assert.deepEqual(await ids(), []);
        await connection.query("COMMIT");
        assert.deepEqual(await ids(), [1, 2]);

        await connection.query("BEGIN");
        await connection.query(`${add} ${values}`);
        await tables.exec(`${add} ${values}`);
        assert.deepEqual(await ids(), [1, 2]);
        await connection.query("ROLLBACK");
      } finally {
        connection.release(true);
      }
      // Other tests of the same server run transactions too, which end.
      for (const untilMs = performance.now() + 30_000; performance.now() < untilMs;)
        if ((await ids()).length === 3) break;
      assert.deepEqual(await ids(), [1, 2, 4]);
    });
  });
