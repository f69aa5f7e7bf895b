import { sql, type Selectable } from "kysely";
import { writeAudit, type AuditAction, type AuditContext } from "../events/audit.ts";
import { lockName } from "../locks.ts";
import type { Db, JobKind, JobState, Schema } from "../schema.ts";

/*
 * Jobs: long work of a server, such as a collection. The process that runs a job writes its row every few seconds, so that
 * every process can tell its progress, and whether it has ended with its process.
 */

export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  /** `docker.io/library/alpine:3.20`, or the name of a schedule; otherwise empty. */
  readonly subject: string;
  readonly isDryRun: boolean;
  /** The name of an account; `berth`: the timer of the server. */
  readonly actor: string;
  /** As in the row: a running job without a heartbeat has ended with its process. */
  readonly state: JobState;
  readonly startedAtMs: number;
  readonly seenAtMs: number;
  readonly endedAtMs: number | null;
  readonly counts: Readonly<Record<string, number>>;
  /** Why it failed, in one line. */
  readonly reason: string | null;
}

export interface JobWithFindings extends Job {
  readonly findings: readonly object[];
}

const columns = [
  ...(["id", "kind", "subject", "dry_run", "actor", "state"] as const),
  ...(["started_at", "seen_at", "ended_at", "counts", "reason"] as const),
] as const;

export function createJobReads(db: Db) {
  return {
    async find(id: string): Promise<JobWithFindings | undefined> {
      const row = await db
        .selectFrom("jobs")
        .select([...columns, "findings"])
        .where("id", "=", id)
        .executeTakeFirst();
      return row && { ...jobOf(row), findings: JSON.parse(row.findings) as object[] };
    },

    /** The newest first. */
    async list(query: {
      readonly kind?: JobKind | undefined;
      readonly skip: number;
      readonly limit: number;
    }): Promise<readonly Job[]> {
      const all = db.selectFrom("jobs").select(columns);
      const rows = query.kind === undefined ? all : all.where("kind", "=", query.kind);
      const found = await rows
        .orderBy("started_at", "desc")
        .orderBy("id", "desc")
        .limit(query.limit)
        .offset(query.skip)
        .execute();
      return found.map(jobOf);
    },

    async count(kind?: JobKind): Promise<number> {
      const all = db.selectFrom("jobs").select(({ fn }) => fn.countAll<number>().as("count"));
      const rows = kind === undefined ? all : all.where("kind", "=", kind);
      return (await rows.executeTakeFirstOrThrow()).count;
    },

    /** The newest job of a kind and subject that has ended: a dry run, or one that is none. */
    async lastEnded(kind: JobKind, subject: string, isDryRun = false): Promise<Job | undefined> {
      const row = await db
        .selectFrom("jobs")
        .select(columns)
        .where("kind", "=", kind)
        .where("subject", "=", subject)
        .where("dry_run", "=", isDryRun ? 1 : 0)
        .where("state", "<>", "running")
        .orderBy("started_at", "desc")
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      return row && jobOf(row);
    },
  };
}

type JobRow = Omit<Selectable<Schema["jobs"]>, "findings" | "unwanted">;

const jobOf = (row: JobRow): Job => ({
  id: row.id,
  kind: row.kind,
  subject: row.subject,
  isDryRun: row.dry_run === 1,
  actor: row.actor,
  state: row.state,
  startedAtMs: row.started_at,
  seenAtMs: row.seen_at,
  endedAtMs: row.ended_at,
  counts: JSON.parse(row.counts) as Record<string, number>,
  reason: row.reason,
});

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
