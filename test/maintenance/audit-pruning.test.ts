import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { pruneAuditLog, scheduleAuditPruning } from "../../src/maintenance/audit-pruning.ts";
import { openTestDatabase } from "../support/database.ts";

const dayMs = 86_400_000;
const keepMs = 30 * dayMs;

/** A database with one entry of the audit log per hour before `nowMs`. */
async function start(t: TestContext, entries: number) {
  const database = await openTestDatabase();
  t.after(() => database.close());
  const nowMs = Date.now();
  await database.tables.exec(`
    WITH RECURSIVE hours (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM hours WHERE n < ${entries})
    INSERT INTO audit_log (at, actor, account, action, subject)
    SELECT ${nowMs} - (${entries} - CAST(n AS bigint)) * 3600000, 'mia', 'mia', 'repo.tag.push', 'mia/app:1' FROM hours`);
  const lines: object[] = [];
  const report = {
    info: (facts: object) => void lines.push(facts),
    error: (facts: object) => void lines.push(facts),
  };
  const left = async (): Promise<number> =>
    Number(await database.tables.value("SELECT count(*) FROM audit_log"));
  const parts = { database, clock: () => nowMs, report, isForwarded: false };
  return { parts, nowMs, lines, left, database };
}

describe("the audit log with audit.keep", () => {
  test("loses the entries that are older, at most 500 in a step, and the log says how many", async (t) => {
    const { parts, nowMs, lines, left, database } = await start(t, 1_800);
    const seen: number[] = [];
    for await (const _ of pruneAuditLog({ ...parts, keepMs })) seen.push(await left());
    const kept = 30 * 24 + 1;
    assert.deepEqual(seen, [1_300, 800, kept]);
    assert.deepEqual(lines, [{ deleted: 1_800 - kept }]);
    const oldest = await database.tables.value("SELECT min(at) FROM audit_log");
    assert.equal(Number(oldest), nowMs - keepMs);
  });

  test("keeps its newest entry, however old it is", async (t) => {
    const { parts, nowMs, left } = await start(t, 3);
    const later = { ...parts, clock: () => nowMs + 2 * keepMs };
    for await (const _ of pruneAuditLog({ ...later, keepMs }));
    assert.equal(await left(), 1);
  });

  test("loses nothing when audit.keep is not set, and nothing in the first minutes of a server", async (t) => {
    const { parts, lines, left } = await start(t, 1_000);
    for await (const _ of pruneAuditLog({ ...parts, keepMs: undefined }));
    const task = scheduleAuditPruning({ ...parts, keepMs });
    await task.stop();
    assert.equal(await left(), 1_000);
    assert.deepEqual(lines, []);
  });
});
