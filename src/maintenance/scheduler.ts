import type { BlobStore } from "../../storage/blob-store.ts";
import type { Database } from "../database/database.ts";
import { deleteMarkedBlobs } from "../registry/deleting-blobs.ts";
import { restoreMissing } from "../registry/missing-blobs.ts";
import { createLeasePolicy, type Clock, type LeaseTimes } from "../registry/leases.ts";
import { expireUploads, deleteOrphanUploads } from "../registry/uploads/expire.ts";
import type { Uploads } from "../registry/uploads/uploads.ts";
import { scheduleTask, type MaintenanceTask } from "./scheduled-task.ts";
import { collect, withStats, type CollectionStep } from "./collector.ts";
import { matchInstance, recover } from "./recovery.ts";
import { scrub } from "./scrub.ts";

/** The log of maintenance; a logger has this interface. */
export interface Report {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface MaintenanceParts {
  readonly store: BlobStore;
  readonly database: Database;
  readonly clock: Clock;
  readonly uploads: Uploads;
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
  readonly uploadIdleMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Runs maintenance in a serving process. Resolves at the end of the start phase: the store and the database match, the
 * remains of a crash are deleted, and lost blobs are marked as missing. Then collections and scrubs run in the
 * background.
 */
export async function startMaintenance(
  parts: MaintenanceParts,
): Promise<{ close(): Promise<void> }> {
  const { store, database, clock, report } = parts;
  await matchInstance(parts);
  const recovery = await recover(parts);
  if (recovery !== undefined)
    report.warn(recovery, "the last process was cut off; its blobs were checked");
  await cleanUpUploads(parts);
  const leasePolicy = createLeasePolicy(clock, parts.leaseTimes);
  const removals = () => reported(deleteMarkedBlobs({ store, database, leasePolicy }), report);
  for await (const _ of removals());

  const restoring = startRestoring(parts);
  const collecting = startCollecting(parts);
  const removing = startRemoving(parts, removals);
  const scrubbing = startScrubbing(parts);
  const hourly = setInterval(() => {
    void cleanUpUploads(parts);
    // Recovery need not check older blobs: they were flushed before their rows were written, and no failure has
    // occurred since.
    const checkpoint = { checkpointedAtMs: clock() - hourMs, cleanStop: false };
    database.run("checkpoint", checkpoint).catch((error: unknown) => {
      report.error({ err: error }, "no checkpoint could be written");
    });
  }, hourMs).unref();

  return {
    close: async () => {
      clearInterval(hourly);
      await Promise.all([restoring.stop(), collecting.stop(), removing.stop(), scrubbing.stop()]);
      await database
        .run("checkpoint", { checkpointedAtMs: clock(), cleanStop: true })
        .catch((error: unknown) => report.error({ err: error }, "the end could not be recorded"));
    },
  };
}

/** Restores missing blobs whose bytes are back, while clients' requests run. */
function startRestoring({ store, database, report }: MaintenanceParts): MaintenanceTask {
  let isEnding = false;
  const throttle = async (): Promise<void> => {
    if (isEnding) throw new Error("the server ends");
  };
  const run = async (): Promise<void> => {
    try {
      for await (const _ of restoreMissing({ store, database, report, throttle }))
        if (isEnding) return;
    } catch (error) {
      report.error({ err: error }, "missing blobs could not be looked for");
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

/** Deletes the bytes of `deleting` blobs when they are due, which is between two collections. */
function startRemoving(
  { clock, leaseTimes: { deleteDelayMs }, report, gc }: MaintenanceParts,
  steps: () => AsyncIterable<unknown>,
): MaintenanceTask {
  return scheduleTask({
    everyMs: gc.interval === 0 ? 0 : Math.max(1_000, deleteDelayMs),
    leaseMs: deleteDelayMs,
    stepsPerSecond: gc.stepsPerSecond,
    clock,
    steps,
    onError: (error) =>
      report.error({ err: error }, "bytes could not be deleted; the next run does it"),
  });
}

async function* reported(
  steps: AsyncIterable<CollectionStep>,
  report: Report,
): AsyncGenerator<CollectionStep> {
  for await (const step of steps) {
    if (step.kind === "failed") report.error({ err: step.error }, "a blob could not be removed");
    yield step;
  }
}

function startCollecting({ store, database, clock, report, leaseTimes, gc }: MaintenanceParts) {
  const leasePolicy = createLeasePolicy(clock, leaseTimes);
  const { deleteUntagged } = gc;
  let walkedAtMs = 0;
  return scheduleTask({
    everyMs: gc.interval,
    leaseMs: leaseTimes.leaseMs,
    stepsPerSecond: gc.stepsPerSecond,
    clock,
    steps: () => {
      // The search for orphans lists every file, so it runs once a day. The other steps read only due rows.
      const orphans = performance.now() - walkedAtMs > dayMs;
      if (orphans) walkedAtMs = performance.now();
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
        if (Object.values(freed).some((count) => count > 0)) report.info(freed, "collected");
      });
    },
    onError: (error) => report.error({ err: error }, "a collection failed; the next one goes on"),
  });
}

function startScrubbing({
  store,
  database,
  clock,
  report,
  scrub: { interval, bytesPerSecond },
}: MaintenanceParts) {
  const steps = async function* (): AsyncGenerator<void> {
    for await (const { blob, state, error } of scrub({
      store,
      database,
      clock,
      report,
      bytesPerSecond: bytesPerSecond,
    })) {
      const { digest } = blob;
      if (state === "unreadable") report.error({ err: error, digest }, "a blob could not be read");
      yield;
    }
  };
  return scheduleTask({
    everyMs: interval,
    leaseMs: Math.min(60_000, interval),
    stepsPerSecond: 1_000,
    clock,
    steps,
    onError: (error) => report.error({ err: error }, "scrubbing failed; it starts again later"),
  });
}

async function cleanUpUploads({
  store,
  database,
  uploads,
  clock,
  uploadIdleMs,
  report,
}: MaintenanceParts): Promise<void> {
  try {
    const expired = await expireUploads({ database, uploads }, clock() - uploadIdleMs);
    if (expired > 0) report.info({ expired }, "abandoned uploads have expired");
    const orphans = await deleteOrphanUploads({ store, database });
    if (orphans > 0)
      report.info({ swept: orphans }, "bytes that belonged to no upload any more are gone");
  } catch (error) {
    report.error({ err: error }, "uploads could not be expired");
  }
}
