import { setTimeout as pause } from "node:timers/promises";
import { findingsAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import type { JobKind } from "../database/schema.ts";

/** The process that runs a job writes its progress after this time. */
const touchEveryMs = 2_000;

/** A job that could not do all of its work. The message is one line. */
export class JobError extends Error {
  override readonly name = "JobError";
}

/** Why a job failed whose server, or command, has stopped. */
export const stopped = "the server stopped";

export interface JobTask {
  readonly kind: JobKind;
  /** Empty, or the image or schedule: two jobs of one kind and subject do not run at the same time. */
  readonly subject?: string;
  /** The namespace of a mirror, or of a repository with retention. */
  readonly account?: string;
  readonly isDryRun?: boolean;
  /** Does the work. A failure that users can act on is a {@link JobError}. */
  readonly run: (job: RunningJob) => Promise<void>;
}

/** A job, for the work that it does. */
export interface RunningJob {
  /** Aborts when an administrator cancels the job, or the server stops. The work ends at its next step. */
  readonly signal: AbortSignal;
  /** Replaces the numbers that the job shows. */
  count(counts: Readonly<Record<string, number>>): void;
  /** Adds a finding; the first {@link findingsAtMost} are shown. */
  find(finding: Finding): void;
}

/** One thing that a job found or did. */
export interface Finding {
  readonly kind: string;
  /** A repository, an image, or the key of a file. */
  readonly subject?: string | undefined;
  readonly digest?: string | undefined;
  readonly size?: number | undefined;
  readonly message?: string | undefined;
}

export interface JobRunParts {
  readonly database: Pick<Database, "commands" | "unflushedCommands">;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}

/**
 * Does the work of a job, and records its progress and its end. Rejects if the work fails with anything but a
 * {@link JobError}.
 * @param id `undefined`: the job is not recorded
 */
export async function runJob(
  parts: JobRunParts,
  id: string | undefined,
  task: JobTask,
  ending: AbortController,
): Promise<void> {
  const { database, clock, report } = parts;
  let counts: Readonly<Record<string, number>> = {};
  const findings: Finding[] = [];
  const over = new AbortController();
  const beating =
    id === undefined ? undefined : beat(parts, { id, counts: () => counts }, ending, over.signal);
  let failure: unknown;
  try {
    await task.run({
      signal: ending.signal,
      count: (next) => (counts = { ...next }),
      find: (finding) => {
        if (findings.length < findingsAtMost) findings.push(finding);
      },
    });
  } catch (error) {
    failure = error;
  }
  over.abort();
  await beating;
  if (id !== undefined) {
    const outcome = outcomeOf(ending.signal, failure);
    const end = { id, ...outcome, counts, findings, nowMs: clock() };
    await database.commands.endJob(end).catch(report);
  }
  if (failure !== undefined && !ending.signal.aborted && !(failure instanceof JobError))
    throw failure;
}

/** Writes the progress until `over` aborts, and aborts `ending` when the job was canceled. */
async function beat(
  { database, clock }: JobRunParts,
  progress: { readonly id: string; readonly counts: () => Readonly<Record<string, number>> },
  ending: AbortController,
  over: AbortSignal,
): Promise<void> {
  for (;;) {
    await pause(touchEveryMs, undefined, { signal: over, ref: false }).catch(() => undefined);
    if (over.aborted) return;
    // The next heartbeat tries again.
    const isWanted = await database.unflushedCommands
      .touchJob({ id: progress.id, counts: progress.counts(), nowMs: clock() })
      .catch(() => true);
    if (!isWanted) ending.abort(new JobError("canceled"));
  }
}

function outcomeOf(signal: AbortSignal, failure: unknown) {
  if (signal.aborted) {
    const { message } = signal.reason as JobError;
    return message === stopped
      ? { state: "failed" as const, reason: message }
      : { state: "canceled" as const, reason: null };
  }
  if (failure === undefined) return { state: "done" as const, reason: null };
  const text = failure instanceof Error ? failure.message : "unknown error";
  return { state: "failed" as const, reason: text.replaceAll(/\s*\n\s*/g, " ") };
}
