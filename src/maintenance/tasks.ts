import type { BlobStore } from "../../storage/blob-store.ts";
import type { RunningJob } from "../coordination/job-run.ts";
import type { Jobs } from "../coordination/jobs.ts";
import type { Database } from "../database/contract.ts";
import { restoreMissing } from "../registry/blob-verification.ts";
import { deleteMarkedBlobs } from "../registry/deleting-blobs.ts";
import { createLeasePolicy, type Clock, type LeaseTimes } from "../registry/leases.ts";
import { expireUploads, deleteOrphanUploads } from "../registry/uploads/expire.ts";
import type { Uploads } from "../registry/uploads/uploads.ts";
import { scheduleAuditPruning } from "./audit-pruning.ts";
import { collect, withStats } from "./collector.ts";
import { runTaskOnce, scheduleTask, type MaintenanceTask } from "./scheduled-task.ts";
import { scheduleRetention, type Retention } from "./retention/retention.ts";
import { scrub, withScrubStats } from "./scrub.ts";

/** The log of maintenance; a logger has this interface. */
interface Report {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface MaintenanceParts {
  readonly store: BlobStore;
  readonly database: Database;
  readonly clock: Clock;
  readonly uploads: Uploads;
  readonly jobs: Jobs;
  readonly report: Report;
  readonly leaseTimes: LeaseTimes;
  /** The milliseconds between two collections (0: none), and the steps per second. */
  readonly gc: {
    readonly deleteUntagged: boolean;
    readonly interval: number;
    readonly stepsPerSecond: number;
  };
  /** The milliseconds between two scrubs of all blobs (0: none), and the bytes per second. */
  readonly scrub: { readonly interval: number; readonly bytesPerSecond: number };
  /** The milliseconds between two runs of all retention policies (0: none). */
  readonly retention: { readonly interval: number; readonly run: Retention["run"] };
  /** The age in milliseconds at which entries of the audit log are deleted; `undefined`: never. */
  readonly audit: { readonly keepMs: number | undefined; readonly isForwarded: boolean };
  readonly uploadIdleMs: number;
  /** The sessions of browsers that no request has used for this time have ended. */
  readonly sessionIdleMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The first deletion of bytes begins this long after the start phase; by then the server accepts connections. */
const firstDeletionMs = 1_000;

/** Starts deletions, collections, scrubs, runs of retention, and the pruning of the audit log. */
export function startTasks(parts: MaintenanceParts): MaintenanceTask {
  const tasks = [
    startRestoring(parts),
    startCollecting(parts),
    ...startDeletingBytes(parts),
    startScrubbing(parts),
    scheduleRetention({ ...parts, ...parts.retention }),
    scheduleAuditPruning({ ...parts, ...parts.audit }),
  ];
  const cleanUp = (): void => void Promise.all([cleanUpUploads(parts), cleanUpSessions(parts)]);
  const hourly = setInterval(cleanUp, hourMs).unref();
  return {
    stop: async () => {
      clearInterval(hourly);
      await Promise.all(tasks.map((task) => task.stop()));
    },
  };
}

/** Restores missing blobs whose bytes are back, while clients' requests run. */
function startRestoring({ store, database, report }: MaintenanceParts): MaintenanceTask {
  let isEnding = false;
  const throttle = async (): Promise<void> => {
    if (isEnding) throw new Error("the server stops");
  };
  const run = async (): Promise<void> => {
    try {
      for await (const _ of restoreMissing({ store, database, report, throttle }))
        if (isEnding) return;
    } catch (error) {
      report.error({ err: error }, "the search for the bytes of missing blobs failed");
    }
  };
  const running = run();
  return {
    stop: async () => {
      isEnding = true;
      await running;
    },
  };
}

/**
 * Deletes the bytes of `deleting` blobs: once those that are due at the start, and then those that become due between
 * two collections.
 */
function startDeletingBytes(parts: MaintenanceParts): readonly MaintenanceTask[] {
  const { clock, leaseTimes, report, gc } = parts;
  const { stepsPerSecond } = gc;
  const leasePolicy = createLeasePolicy(clock, leaseTimes);
  // The first run deletes what was due at the start, without the wait of `scheduleTask`. The limit is fixed here: blobs
  // that become due from now on belong to the scheduled runs.
  const dueAtStartMs = leasePolicy.deletableBeforeMs();
  const onError = (error: unknown): void =>
    report.error({ err: error }, "bytes could not be deleted; the next run tries again");
  return [
    runTaskOnce({
      afterMs: firstDeletionMs,
      stepsPerSecond,
      clock,
      steps: () => deleteBytes(parts, dueAtStartMs),
      onError,
    }),
    scheduleTask({
      everyMs: gc.interval === 0 ? 0 : Math.max(1_000, leaseTimes.deleteDelayMs),
      waitAfterClockSetMs: leaseTimes.deleteDelayMs,
      stepsPerSecond,
      clock,
      steps: () => deleteBytes(parts, leasePolicy.deletableBeforeMs()),
      onError,
    }),
  ];
}

async function* deleteBytes(
  { store, database, clock, report }: MaintenanceParts,
  beforeMs: number,
): AsyncGenerator<void> {
  const due = { beforeMs, nowMs: clock() };
  for await (const step of deleteMarkedBlobs({ store, database }, due)) {
    if (step.kind === "failed")
      report.error(
        { err: step.error, digest: step.digest },
        "the bytes of a blob could not be deleted",
      );
    yield;
  }
}

function startCollecting(given: MaintenanceParts) {
  const { store, database, clock, jobs, report, leaseTimes, gc } = given;
  const leasePolicy = createLeasePolicy(clock, leaseTimes);
  const { deleteUntagged } = gc;
  let orphansSearchedAtMs = -Infinity;
  return scheduleTask({
    everyMs: gc.interval,
    waitAfterClockSetMs: leaseTimes.leaseMs,
    stepsPerSecond: gc.stepsPerSecond,
    clock,
    recorded: { jobs, kind: "collection" },
    steps: (job) => {
      // The search for orphans lists every file, so it runs once after the start and then once a day. The other steps
      // read only due rows.
      const orphans = performance.now() - orphansSearchedAtMs > dayMs;
      if (orphans) orphansSearchedAtMs = performance.now();
      const parts = {
        store,
        database,
        clock,
        leasePolicy,
        deleteUntagged,
        orphans,
        graceMs: leaseTimes.graceMs,
      };
      return withStats(collect(parts), (freed) => {
        job?.count({ ...freed });
        if (Object.values(freed).some((count) => count > 0)) report.info(freed, "collected");
      });
    },
    onError: (error) =>
      report.error({ err: error }, "a collection failed; the next one continues it"),
  });
}

function startScrubbing(given: MaintenanceParts) {
  const { store, database, clock, jobs, report } = given;
  const { interval, bytesPerSecond } = given.scrub;
  const steps = async function* (
    job: RunningJob | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<void> {
    const blobs = scrub({ store, database, clock, report, bytesPerSecond, signal });
    const done = (stats: object): void => report.info({ ...stats }, "scrubbed all blobs");
    for await (const { blob, state, error } of withScrubStats(blobs, job, done)) {
      const { digest } = blob;
      if (state === "unreadable") report.error({ err: error, digest }, "a blob could not be read");
      yield;
    }
  };
  return scheduleTask({
    everyMs: interval,
    waitAfterClockSetMs: Math.min(60_000, interval),
    stepsPerSecond: 1_000,
    clock,
    // It reads all bytes of the store: a restart must not be a reason to read them again.
    recorded: { jobs, kind: "scrub", keepsPlan: true },
    steps,
    onError: (error) =>
      report.error({ err: error }, "a scrub failed; it starts again after scrub.interval"),
  });
}

/** Ends expired uploads, and deletes bytes in the store that belong to no upload. */
export async function cleanUpUploads({
  store,
  database,
  uploads,
  clock,
  uploadIdleMs,
  report,
}: MaintenanceParts): Promise<void> {
  try {
    const expired = await expireUploads({ database, uploads }, clock() - uploadIdleMs);
    if (expired > 0) report.info({ expired }, "uploads expired (limits.uploadExpiry)");
    const orphans = await deleteOrphanUploads({ store, database });
    if (orphans > 0)
      report.info({ orphans }, "bytes in the store that belonged to no upload were deleted");
  } catch (error) {
    report.error({ err: error }, "uploads could not be expired");
  }
}

/** Deletes the rows of sessions of browsers that have ended. */
export async function cleanUpSessions({
  database,
  clock,
  sessionIdleMs,
  report,
}: Pick<MaintenanceParts, "database" | "clock" | "sessionIdleMs" | "report">): Promise<void> {
  try {
    const beforeMs = clock() - sessionIdleMs;
    await database.commands.deleteExpiredBrowserSessions({ beforeMs });
  } catch (error) {
    report.error({ err: error }, "the ended sessions of browsers could not be deleted");
  }
}
