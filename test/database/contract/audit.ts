import { admin, type Step } from "./support.ts";

const key = { actor: admin, action: "server.key.create", subject: "keys" } as const;
const entry = { actor: "admin", account: "berth", action: "server.key.create", subject: "keys" };
const entryAt = (id: number, atMs: number) => ({ ...entry, id, atMs, data: {}, peer: "::1" });
const newest = { before: undefined, window: 5 };

/** The age of the audit log. */
export const auditSteps: readonly Step[] = [
  [(db) => db.commands.pruneAudit({ beforeMs: 9_000, limit: 5 }), 0],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 1_000 }), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 2_000 }), undefined],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 3_000 }), undefined],
  [(db) => db.commands.pruneAudit({ beforeMs: 1_000, limit: 5 }), 0],
  [(db) => db.commands.pruneAudit({ beforeMs: 3_000, limit: 1 }), 1],
  [
    (db) => db.auditLog.list({}, newest),
    { entries: [entryAt(3, 3_000), entryAt(2, 2_000)], last: undefined },
  ],
  // The newest entry stays, so that the next one has a new id.
  [(db) => db.commands.pruneAudit({ beforeMs: 9_000, limit: 5 }), 1],
  [(db) => db.commands.pruneAudit({ beforeMs: 9_000, limit: 5 }), 0],
  [(db) => db.commands.recordServerChange({ ...key, nowMs: 4_000 }), undefined],
  [
    (db) => db.auditLog.list({}, newest),
    { entries: [entryAt(4, 4_000), entryAt(3, 3_000)], last: undefined },
  ],
];
