import { change, type Step } from "./support.ts";

const job = {
  ...{ id: "a", kind: "collection", subject: "", isDryRun: false, actor: "admin" },
  ...{ state: "running", startedAtMs: 1000, seenAtMs: 1000, endedAtMs: null },
  ...{ counts: {}, reason: null },
};
const begin = {
  ...change,
  ...({ kind: "collection", subject: "", isDryRun: false, account: "berth" } as const),
  aliveSinceMs: 500,
};
const ended = {
  ...{ ...job, state: "done", seenAtMs: 2000, endedAtMs: 2000, counts: { blobs: 3 } },
};

/** Long work of a server. */
export const jobSteps: readonly Step[] = [
  [(db) => db.commands.beginJob({ ...begin, id: "a" }), { id: "a", isNew: true }],
  [(db) => db.commands.beginJob({ ...begin, id: "a" }), { id: "a", isNew: true }],
  [(db) => db.commands.beginJob({ ...begin, id: "b" }), { id: "a", isNew: false }],
  [
    (db) => db.commands.beginJob({ ...begin, id: "c", isDryRun: true, nowMs: 1_100 }),
    { id: "c", isNew: true },
  ],
  [
    (db) => db.commands.beginJob({ ...begin, id: "d", kind: "scrub", nowMs: 1_200 }),
    { id: "d", isNew: true },
  ],
  [(db) => db.jobs.find("a"), { ...job, findings: [] }],
  [(db) => db.jobs.find("none"), undefined],
  [(db) => db.jobs.count(), 3],
  [(db) => db.jobs.count("collection"), 2],
  [(db) => db.jobs.list({ kind: "collection", skip: 1, limit: 5 }), [job]],
  [
    (db) => db.jobs.list({ skip: 0, limit: 1 }),
    [{ ...job, id: "d", kind: "scrub", startedAtMs: 1200, seenAtMs: 1200 }],
  ],
  [(db) => db.jobs.lastEnded("collection", ""), undefined],
  [(db) => db.commands.touchJob({ id: "a", counts: { blobs: 1 }, nowMs: 1_500 }), true],
  [(db) => db.commands.touchJob({ id: "none", counts: {}, nowMs: 1_500 }), false],
  [(db) => db.jobs.find("a"), { ...job, seenAtMs: 1500, counts: { blobs: 1 }, findings: [] }],
  [(db) => db.commands.cancelJob({ ...change, id: "a" }), true],
  [(db) => db.commands.cancelJob({ ...change, id: "none" }), false],
  [(db) => db.commands.touchJob({ id: "a", counts: {}, nowMs: 1_600 }), false],
  [
    (db) =>
      db.commands.endJob({
        ...{ id: "a", state: "done", counts: { blobs: 3 }, findings: [{ kind: "link" }] },
        ...{ reason: null, nowMs: 2_000 },
      }),
    undefined,
  ],
  [(db) => db.commands.cancelJob({ ...change, id: "a" }), false],
  [(db) => db.jobs.find("a"), { ...ended, findings: [{ kind: "link" }] }],
  [(db) => db.jobs.lastEnded("collection", ""), ended],
  // A running job without a heartbeat has ended with its process.
  [
    (db) => db.commands.beginJob({ ...begin, id: "e", isDryRun: true, aliveSinceMs: 1_200 }),
    { id: "e", isNew: true },
  ],
  [(db) => db.jobPlans.nextAtMs("scrub"), undefined],
  [(db) => db.commands.planJob({ kind: "scrub", nextAtMs: 5_000 }), undefined],
  [(db) => db.commands.planJob({ kind: "scrub", nextAtMs: 6_000 }), undefined],
  [(db) => db.jobPlans.nextAtMs("scrub"), 6000],
];
