import { sql } from "kysely";
import { writeAudit, type AuditAction, type AuditContext } from "../events/audit.ts";
import { lockName } from "../locks.ts";
import type { Db, JobKind, JobState } from "../schema.ts";

/*
 * The changes of jobs. The process that runs a job writes its row every few seconds, so that every process can tell its
 * progress, and whether it has ended with its process.
 */

interface BeginJob extends AuditContext {
  readonly id: string;
  readonly kind: JobKind;
  readonly subject: string;
  readonly isDryRun: boolean;
  /** The account of its audit row: the namespace of a mirror, or `berth`. */
  readonly account: string;
  /** A running job without a heartbeat since then has ended with its process. */
  readonly aliveSinceMs: number;
}

/** Ended jobs are kept for 30 days, and at most this many of a kind. */
const keptForMs = 30 * 24 * 3_600_000;
const keptAtMost = 200;

/** A job without a heartbeat for 60 s has ended with its process. */
export const jobDeadAfterMs = 60_000;

/** The jobs that a client can start. */
const auditedKinds: Readonly<Partial<Record<JobKind, AuditAction>>> = {
  collection: "server.collection",
  scrub: "server.scrub",
  retention: "repo.retention.run",
  warm: "mirror.warm",
  sync: "mirror.sync",
};

/**
 * Records a new job as running, and forgets old ones. A job of the same kind and subject that runs already is the result
 * in its place.
 */
export async function beginJob(
  tx: Db,
  begin: BeginJob,
): Promise<{ readonly id: string; readonly isNew: boolean }> {
  const { id, kind, subject, isDryRun, actor, nowMs } = begin;
  const dry = isDryRun ? 1 : 0;
  await lockName(tx, "jobs");
  const running = await tx
    .selectFrom("jobs")
    .select("id")
    .where("kind", "=", kind)
    .where("subject", "=", subject)
    .where("dry_run", "=", dry)
    .where("state", "=", "running")
    .where("seen_at", ">=", begin.aliveSinceMs)
    .executeTakeFirst();
  // A repeated command finds its own row.
  if (running !== undefined) return { id: running.id, isNew: running.id === id };
  await forgetOldJobs(tx, begin);
  await tx
    .insertInto("jobs")
    .values({
      ...{ id, kind, subject, dry_run: dry, actor: actor.name, state: "running" },
      ...{ started_at: nowMs, seen_at: nowMs },
    })
    .execute();
  const action = auditedKinds[kind];
  // Jobs of the timer would fill the log.
  if (!isDryRun && action !== undefined && actor.authority.kind === "client") {
    const { account } = begin;
    await writeAudit(tx, { nowMs, actor, account, action, subject: subject || account });
  }
  return { id, isNew: true };
}

/** Keeps each job that runs, and for 30 days the last run of each schedule. */
async function forgetOldJobs(
  tx: Db,
  { kind, nowMs, aliveSinceMs }: Pick<BeginJob, "kind" | "nowMs" | "aliveSinceMs">,
): Promise<void> {
  const kept = await tx
    .selectFrom("jobs")
    .select("started_at")
    .where("kind", "=", kind)
    .orderBy("started_at", "desc")
    .limit(1)
    .offset(keptAtMost)
    .executeTakeFirst();
  await tx
    .deleteFrom("jobs")
    .where("kind", "=", kind)
    .where(sql<boolean>`(state <> 'running' OR seen_at < ${aliveSinceMs})`)
    .where(
      sql<boolean>`(started_at <= ${nowMs - keptForMs}
        OR started_at <= ${kept?.started_at ?? 0} AND (kind <> 'sync' OR dry_run = 1 OR ${hasNewerRun}))`,
    )
    .execute();
}

const hasNewerRun = sql`EXISTS (SELECT 1 FROM jobs AS newer
  WHERE newer.kind = jobs.kind AND newer.started_at > jobs.started_at
    AND newer.subject = jobs.subject AND newer.dry_run = 0 AND newer.state <> 'running')`;

/** The heartbeat of a running job, with its progress. False: it should be canceled, or has been forgotten. */
export async function touchJob(
  tx: Db,
  touch: {
    readonly id: string;
    readonly counts: Readonly<Record<string, number>>;
    readonly nowMs: number;
  },
): Promise<boolean> {
  const row = await tx
    .updateTable("jobs")
    .set({ seen_at: touch.nowMs, counts: JSON.stringify(touch.counts) })
    .where("id", "=", touch.id)
    .where("state", "=", "running")
    .returning("unwanted")
    .executeTakeFirst();
  return row?.unwanted === 0;
}

export async function endJob(
  tx: Db,
  end: {
    readonly id: string;
    readonly state: Exclude<JobState, "running">;
    readonly counts: Readonly<Record<string, number>>;
    readonly findings: readonly object[];
    readonly reason: string | null;
    readonly nowMs: number;
  },
): Promise<void> {
  const { id, state, counts, findings, reason, nowMs } = end;
  await tx
    .updateTable("jobs")
    .set({
      ...{ state, reason, seen_at: nowMs, ended_at: nowMs },
      ...{ counts: JSON.stringify(counts), findings: JSON.stringify(findings) },
    })
    .where("id", "=", id)
    .execute();
}

/** Asks the process of a job to cancel it. False: no such job runs. */
export async function cancelJob(
  tx: Db,
  { id, aliveSinceMs }: AuditContext & Pick<BeginJob, "id" | "aliveSinceMs">,
): Promise<boolean> {
  const marked = await tx
    .updateTable("jobs")
    .set({ unwanted: 1 })
    .where("id", "=", id)
    .where("state", "=", "running")
    .where("seen_at", ">=", aliveSinceMs)
    .executeTakeFirst();
  return marked.numUpdatedRows > 0n;
}
