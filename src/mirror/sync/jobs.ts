import { JobError, type JobTask, type RunningJob } from "../../coordination/job-run.ts";
import type { SyncStep } from "./pull.ts";

/** What a copy has done, or would do. */
export interface SyncStats {
  tags: number;
  manifests: number;
  newManifests: number;
  blobs: number;
  newBlobs: number;
  newBytes: number;
  failures: number;
}

/** Passes the steps on, and tells `show` the sums after each. */
export async function* withSyncStats(
  steps: AsyncIterable<SyncStep>,
  show: (stats: Readonly<SyncStats>) => void,
): AsyncGenerator<SyncStep> {
  const stats: SyncStats = {
    tags: 0,
    manifests: 0,
    newManifests: 0,
    blobs: 0,
    newBlobs: 0,
    newBytes: 0,
    failures: 0,
  };
  show(stats);
  for await (const step of steps) {
    count(stats, step);
    show(stats);
    yield step;
  }
}

function count(stats: SyncStats, step: SyncStep): void {
  switch (step.kind) {
    case "tag":
      stats.tags += 1;
      return;
    case "manifest":
      stats.manifests += 1;
      stats.newManifests += step.isNew ? 1 : 0;
      return;
    case "blob":
      stats.blobs += 1;
      stats.newBlobs += step.isNew ? 1 : 0;
      stats.newBytes += step.isNew ? step.sizeBytes : 0;
      return;
    case "failed":
      stats.failures += 1;
  }
}

/** The failure of a download of one image by its sums, in one line; `undefined`: it succeeded. */
export function warmFailure(
  image: string,
  { failures, blobs }: Readonly<SyncStats>,
  platforms: readonly string[],
): string | undefined {
  if (failures > 0) return `${image} could not be fetched`;
  return blobs === 0 && platforms.length > 0
    ? `${image} has none of the platforms ${platforms.join(", ")}`
    : undefined;
}

/** The download of one image as a job. */
export const warmJob = (given: {
  readonly image: string;
  readonly namespace: string;
  readonly platforms: readonly string[];
  readonly steps: AsyncIterable<SyncStep>;
}): JobTask => ({
  kind: "warm",
  subject: given.image,
  account: given.namespace,
  async run(job) {
    const { image, platforms, steps } = given;
    const failure = warmFailure(image, await copy(steps, job, () => undefined), platforms);
    if (failure !== undefined) throw new JobError(failure);
  },
});

/** A run of a schedule as a job. */
export const syncJob = (
  {
    name,
    mirror,
    run,
  }: {
    readonly name: string;
    readonly mirror: string;
    readonly run: (isDryRun: boolean) => AsyncIterable<SyncStep>;
  },
  { isDryRun, report }: { readonly isDryRun: boolean; readonly report: (error: unknown) => void },
): JobTask => ({
  kind: "sync",
  subject: name,
  account: mirror,
  isDryRun,
  async run(job) {
    const { failures } = await copy(run(isDryRun), job, report);
    if (failures > 0) throw new JobError(`${failures} items could not be copied`);
  },
});

async function copy(
  steps: AsyncIterable<SyncStep>,
  job: RunningJob,
  report: (error: unknown) => void,
): Promise<Readonly<SyncStats>> {
  let stats: SyncStats | undefined;
  const show = (next: Readonly<SyncStats>): void => {
    stats = { ...next };
    job.count(stats as Readonly<SyncStats> & Readonly<Record<string, number>>);
  };
  for await (const step of withSyncStats(untilAborted(steps, job.signal), show)) {
    if (step.kind !== "failed") continue;
    report(step.error);
    job.find({ kind: "failed", subject: step.what, message: step.reason });
  }
  if (stats === undefined) throw new Error("the sums are shown before the first step");
  return stats;
}

/** The steps until the signal aborts. It does not wait for the end of a step, which may be the download of a large blob. */
async function* untilAborted<T>(steps: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = steps[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const next = await orAborted(iterator.next(), signal);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    // It ends after the step that runs.
    void iterator.return?.().catch(() => undefined);
  }
}

function orAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
