import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findingsAtMost } from "../../src/api/limits.ts";
import { JobError, type JobTask } from "../../src/coordination/job-run.ts";
import { Jobs } from "../../src/coordination/jobs.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import { openTestDatabase } from "../support/database.ts";

const database = await openTestDatabase();
const actor = systemActor("berth");
const fail = (error: unknown): void => assert.ifError(error);
const jobsAt = (clock: () => number = Date.now): Jobs =>
  new Jobs({ database, clock, report: fail });

/** A task of its own subject, so that no other one is in its way. */
let count = 0;
const task = (run: JobTask["run"]): JobTask => {
  count += 1;
  return { kind: "sync", subject: `task ${count}`, run };
};
/** Work that ends only when it is canceled. */
const endless =
  (begun: () => void): JobTask["run"] =>
  ({ signal }) =>
    new Promise((resolve) => {
      begun();
      signal.addEventListener("abort", () => setImmediate(resolve));
    });

describe("the jobs of a process", () => {
  test("are canceled at its end, which waits for them, and their rows say why they failed", async () => {
    const jobs = jobsAt();
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const { id } = await jobs.start(actor, task(endless(started)));
    await running;
    await jobs.close();
    const row = await database.jobs.find(id);
    assert.deepEqual([row?.state, row?.reason], ["failed", "the server stopped"]);
  });

  test("show their first findings, and not all of them", async () => {
    const jobs = jobsAt();
    const { id } = await jobs.start(
      actor,
      task(async (job) => {
        for (let at = 0; at <= findingsAtMost; at += 1) job.find({ kind: "blob", size: at });
        job.count({ blobs: findingsAtMost + 1 });
      }),
    );
    await jobs.close();
    const { findings = [], counts } = (await jobs.find(id)) ?? {};
    assert.equal(findings.length, findingsAtMost);
    assert.deepEqual(findings.at(-1), { kind: "blob", size: findingsAtMost - 1 });
    assert.deepEqual(counts, { blobs: findingsAtMost + 1 });
  });

  test("fail with one line of the error", async () => {
    const jobs = jobsAt();
    const failing = task(() => Promise.reject(new JobError("one\n  two")));
    await jobs.runOnTime(failing);
    const { items } = await jobs.list({ kind: "sync", skip: 0, limit: 100 });
    const job = items.find(({ subject }) => subject === failing.subject);
    assert.deepEqual([job?.state, job?.reason], ["failed", "one two"]);
  });

  test("are forgotten after 30 days, and all but the newest 200 of a kind", async () => {
    let nowMs = Date.now() + 100 * 24 * 3_600_000;
    const jobs = jobsAt(() => nowMs);
    const scrub = { kind: "scrub", run: () => Promise.resolve() } as const;
    for (let turn = 0; turn < 203; turn += 1) {
      nowMs += 1_000;
      await jobs.runOnTime(scrub);
    }
    // The one that has just begun, and 200 before it.
    assert.equal((await jobs.list({ kind: "scrub", skip: 0, limit: 1 })).count, 201);
    nowMs += 30 * 24 * 3_600_000;
    await jobs.runOnTime(scrub);
    assert.equal((await jobs.list({ kind: "scrub", skip: 0, limit: 1 })).count, 1);
  });
});

describe("a job of the timer", () => {
  test("does nothing while another process runs the same job", async () => {
    const [one, other] = [jobsAt(), jobsAt()];
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const shared = task(endless(started));
    const first = one.runOnTime(shared);
    await running;
    let ran = 0;
    await other.runOnTime({ ...shared, run: async () => void (ran += 1) });
    await one.close();
    await first;
    assert.equal(ran, 0);
  });

  test("runs also if the database cannot record it: a collection may free the space that it needs", async () => {
    const reported: unknown[] = [];
    const full = new Error("the disk is full");
    const jobs = new Jobs({
      database: {
        ...database,
        commands: { ...database.commands, beginJob: () => Promise.reject(full) },
      },
      clock: Date.now,
      report: (error) => reported.push(error),
    });
    let ran = 0;
    await jobs.runOnTime(task(async () => void (ran += 1)));
    assert.deepEqual([ran, reported], [1, [full]]);
  });
});
