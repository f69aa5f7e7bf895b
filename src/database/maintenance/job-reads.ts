import type { Selectable } from "kysely";
import type { Db, JobKind, JobState, Schema } from "../schema.ts";

/* Jobs: long work of a server, such as a collection. */

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
