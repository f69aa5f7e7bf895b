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

const sync = { ...begin, kind: "sync" } as const;
const end = { state: "done", counts: {}, findings: [], reason: null } as const;

/** 205 runs of a schedule while another one runs, and after the only run of a third one. */
const oldJobSteps: readonly Step[] = [
  [
    (db) => db.commands.beginJob({ ...sync, id: "long", subject: "long" }),
    { id: "long", isNew: true },
  ],
  [
    (db) => db.commands.beginJob({ ...sync, id: "rare", subject: "rare" }),
    { id: "rare", isNew: true },
  ],
  [(db) => db.commands.endJob({ ...end, id: "rare", nowMs: 1_000 }), undefined],
  [
    async (db) => {
      for (let nowMs = 2_000; nowMs < 2_205; nowMs += 1) {
        const id = `often-${nowMs}`;
        await db.commands.beginJob({ ...sync, id, subject: "often", nowMs });
        await db.commands.endJob({ ...end, id, nowMs });
      }
    },
    undefined,
  ],
  [(db) => db.commands.touchJob({ id: "long", counts: {}, nowMs: 2_300 }), true],
  [async (db) => (await db.jobs.lastEnded("sync", "rare"))?.id, "rare"],
  [async (db) => (await db.jobs.count("sync")) <= 203, true],
  // Dry runs of a schedule that never runs are not kept.
  [
    async (db) => {
      for (let nowMs = 2_300; nowMs < 2_505; nowMs += 1) {
        const id = `dry-${nowMs}`;
        await db.commands.beginJob({ ...sync, id, subject: "planned", isDryRun: true, nowMs });
        await db.commands.endJob({ ...end, id, nowMs });
      }
    },
    undefined,
  ],
  [async (db) => (await db.jobs.lastEnded("sync", "rare"))?.id, "rare"],
  [async (db) => (await db.jobs.count("sync")) <= 204, true],
  [(db) => db.commands.cancelJob({ ...change, id: "long", aliveSinceMs: 2_301 }), false],
  // The process of the long run ends, and the rare run becomes 30 days old.
  [
    (db) =>
      db.commands.beginJob({
        ...{ ...sync, id: "later", subject: "later" },
        ...{ nowMs: 30 * 24 * 3_600_000 + 1_000, aliveSinceMs: 2_301 },
      }),
    { id: "later", isNew: true },
  ],
  [(db) => db.jobs.find("long"), undefined],
  [(db) => db.jobs.lastEnded("sync", "rare"), undefined],
];

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
  [(db) => db.commands.cancelJob({ ...change, id: "a", aliveSinceMs: 500 }), true],
  [(db) => db.commands.cancelJob({ ...change, id: "none", aliveSinceMs: 500 }), false],
  [(db) => db.commands.touchJob({ id: "a", counts: {}, nowMs: 1_600 }), false],
  [
    (db) =>
      db.commands.endJob({
        ...{ id: "a", state: "done", counts: { blobs: 3 }, findings: [{ kind: "link" }] },
        ...{ reason: null, nowMs: 2_000 },
      }),
    undefined,
  ],
  [(db) => db.commands.cancelJob({ ...change, id: "a", aliveSinceMs: 500 }), false],
  [(db) => db.jobs.find("a"), { ...ended, findings: [{ kind: "link" }] }],
  [(db) => db.jobs.lastEnded("collection", ""), ended],
  [(db) => db.jobs.lastEnded("collection", "", true), undefined],
  // A running job without a heartbeat has ended with its process.
  [
    (db) => db.commands.beginJob({ ...begin, id: "e", isDryRun: true, aliveSinceMs: 1_200 }),
    { id: "e", isNew: true },
  ],
  ...oldJobSteps,
  [(db) => db.jobPlans.nextAtMs("scrub"), undefined],
  [(db) => db.commands.planJob({ kind: "scrub", nextAtMs: 5_000 }), undefined],
  [(db) => db.commands.planJob({ kind: "scrub", nextAtMs: 6_000 }), undefined],
  [(db) => db.jobPlans.nextAtMs("scrub"), 6000],
];
