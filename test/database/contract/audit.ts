import { admin, type Step } from "./support.ts";

const key = { actor: admin, action: "server.key.create", subject: "keys" } as const;
const entry = { actor: "admin", account: "berth", action: "server.key.create", subject: "keys" };
const entryAt = (id: number, atMs: number) => ({ ...entry, id, atMs, data: {}, peer: "::1" });
const all = { isForwarded: false, limit: 5 };
const newest = { before: undefined, window: 5 };

/** The age of the audit log, and how far it is forwarded. */
export const auditSteps: readonly Step[] = [
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 9_000 }), 0],
  [(db) => db.auditForwarding.newestId(), 0],
  [(db) => db.auditForwarding.oldestWaitingAtMs(), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 1_000 }), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 2_000 }), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 3_000 }), undefined],
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 1_000 }), 0],
  // Nothing is forwarded yet.
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 3_000, isForwarded: true }), 0],
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 3_000, limit: 1 }), 1],
  [
    (db) => db.auditLog.list({}, newest),
    { entries: [entryAt(3, 3_000), entryAt(2, 2_000)], last: undefined },
  ],
  // The newest entry stays, so that the next one has a new id.
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 9_000 }), 1],
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 9_000 }), 0],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 4_000 }), undefined],
  [
    (db) => db.auditLog.list({}, newest),
    { entries: [entryAt(4, 4_000), entryAt(3, 3_000)], last: undefined },
  ],

  [(db) => db.commands.beginAuditForwarding(), 4],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 5_000 }), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 6_000 }), undefined],
  [(db) => db.auditForwarding.newestId(), 6],
  [(db) => db.auditForwarding.oldestWaitingAtMs(), 5_000],
  [(db) => db.auditForwarding.after(4, 1), [entryAt(5, 5_000)]],
  [(db) => db.auditForwarding.after(5, 9), [entryAt(6, 6_000)]],
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 9_000, isForwarded: true }), 2],
  [(db) => db.commands.recordAuditForwarding({ lastId: 5 }), undefined],
  [(db) => db.commands.recordAuditForwarding({ lastId: 3 }), undefined],
  [(db) => db.commands.beginAuditForwarding(), 5],
  [(db) => db.commands.pruneAudit({ ...all, beforeMs: 9_000, isForwarded: true }), 1],
];
