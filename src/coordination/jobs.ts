import { randomUUID } from "node:crypto";
import type { Database } from "../database/contract.ts";
import type { Job, JobWithFindings } from "../database/maintenance/job-reads.ts";
import { jobDeadAfterMs } from "../database/maintenance/jobs.ts";
import type { JobKind } from "../database/schema.ts";
import { systemActor, type Actor } from "../database/permissions/authority.ts";
import {
  JobError,
  runJob,
  stopped,
  type JobRunParts,
  type JobTask,
  type RunningJob,
} from "./job-run.ts";

interface Parts extends JobRunParts {
  readonly database: Pick<Database, "jobs" | "jobPlans" | "commands" | "unflushedCommands">;
}

/**
 * Runs long work in this process, and records it in the database: other processes see its progress there, and can cancel
 * it.
 */
export class Jobs {
  readonly #parts: Parts;
  readonly #running = new Map<AbortController, Promise<void>>();
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Starts a job for a client, and resolves before it ends. If a job of the same kind and subject runs already, resolves
   * with that one.
   */
  async start(
    actor: Actor,
    task: JobTask,
  ): Promise<{ readonly id: string; readonly isNew: boolean }> {
    const begun = await this.#begin(actor, task);
    if (begun.isNew) void this.#run(begun.id, task).catch(this.#parts.report);
    return begun;
  }

  /**
   * Runs a job of the timer. If the database cannot record the job, it runs all the same: a collection may free the space
   * that the database needs. Rejects if the work fails.
   */
  async runOnTime(task: JobTask): Promise<void> {
    const { report } = this.#parts;
    const begun = await this.#begin(systemActor("berth"), task).catch(report);
    // Another process runs the same work.
    if (begun?.isNew === false) return;
    await this.#run(begun?.id, task);
  }

  /**
   * Runs a job of the command line, which must be recorded, and resolves with the result of its work. The caller excludes
   * other jobs of the same kind and subject: one that is recorded as running was killed. Rejects if the work fails, also
   * when it was canceled.
   */
  async runForCommand<T>(
    task: Omit<JobTask, "run">,
    work: (job: RunningJob) => Promise<T>,
  ): Promise<T> {
    let outcome: { readonly result: T } | { readonly error: unknown } | undefined;
    const run = async (job: RunningJob): Promise<void> => {
      try {
        outcome = { result: await work(job) };
      } catch (error) {
        outcome = { error };
        throw error;
      }
    };
    const begun = await this.#begin(systemActor("berth"), { ...task, run }, 0);
    if (!begun.isNew) throw new JobError(`this ${task.kind} runs already`);
    // The outcome has the error of the work, and that of a canceled job, with which `#run` does not reject.
    await this.#run(begun.id, { ...task, run }).catch(() => undefined);
    if (outcome === undefined) throw new JobError(`the ${task.kind} did not run`);
    if ("error" in outcome) throw outcome.error;
    return outcome.result;
  }

  /** A job with its state now. */
  async find(id: string): Promise<JobWithFindings | undefined> {
    const found = await this.#parts.database.jobs.find(id);
    return found && { ...found, ...stateOf(found, this.#parts.clock()) };
  }

  /** The newest first. */
  async list(query: {
    readonly kind?: JobKind | undefined;
    readonly skip: number;
    readonly limit: number;
  }) {
    const { database, clock } = this.#parts;
    const items = await database.jobs.list(query);
    const count = await database.jobs.count(query.kind);
    return { count, items: items.map((job) => ({ ...job, ...stateOf(job, clock()) })) };
  }

  /** The newest job of a kind and a subject that has ended: a dry run, or one that is none. */
  lastEnded(
    kind: JobKind,
    {
      subject = "",
      isDryRun = false,
    }: { readonly subject?: string; readonly isDryRun?: boolean } = {},
  ): Promise<Job | undefined> {
    return this.#parts.database.jobs.lastEnded(kind, subject, isDryRun);
  }

  /** When the timer of a server runs a kind of job next; `undefined`: no server has planned it. */
  nextAtMs(kind: JobKind): Promise<number | undefined> {
    return this.#parts.database.jobPlans.nextAtMs(kind);
  }

  /** Asks the process of a job to cancel it. False: no such job runs. */
  cancel(actor: Actor, id: string): Promise<boolean> {
    const { database, clock } = this.#parts;
    const nowMs = clock();
    const aliveSinceMs = nowMs - jobDeadAfterMs;
    return database.commands.cancelJob({ id, actor, nowMs, aliveSinceMs });
  }

  /** Records when the timer of this process will run a kind of job next. */
  plan(kind: JobKind, nextAtMs: number): void {
    const { database, report } = this.#parts;
    void database.unflushedCommands.planJob({ kind, nextAtMs }).catch(report);
  }

  /** Cancels the jobs of this process, and waits for them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const ending of this.#running.keys()) ending.abort(new JobError(stopped));
    await Promise.all(this.#running.values());
  }

  /** @param silentMs a job of the same kind and subject without a heartbeat for this time does not run any more */
  #begin(
    actor: Actor,
    { kind, subject = "", account = "berth", isDryRun = false }: JobTask,
    silentMs = jobDeadAfterMs,
  ) {
    const { database, clock } = this.#parts;
    const nowMs = clock();
    const job = { id: randomUUID(), kind, subject, account, isDryRun };
    const aliveSinceMs = nowMs - silentMs;
    return database.commands.beginJob({ ...job, actor, nowMs, aliveSinceMs });
  }

  /** @param id `undefined`: the job is not recorded */
  async #run(id: string | undefined, task: JobTask): Promise<void> {
    const ending = new AbortController();
    if (this.#isClosed) ending.abort(new JobError(stopped));
    const running = runJob(this.#parts, id, task, ending);
    const settled = running.catch(() => undefined);
    this.#running.set(ending, settled);
    void settled.then(() => this.#running.delete(ending));
    await running;
  }
}

/** The state of a job now: a job without a heartbeat has ended with its process. */
export const stateOf = (job: Job, nowMs: number): Pick<Job, "state" | "reason"> =>
  job.state === "running" && job.seenAtMs < nowMs - jobDeadAfterMs
    ? { state: "failed", reason: "its server has ended" }
    : { state: job.state, reason: job.reason };
