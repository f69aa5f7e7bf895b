import { on } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { BlobStore } from "../../storage/blob-store.ts";
import { createYieldingWork } from "../concurrency/yielding-work.ts";
import { JobError, type JobTask, type RunningJob } from "../coordination/job-run.ts";
import type { Database } from "../database/contract.ts";
import {
  collect,
  withStats,
  type CollectionStats,
  type CollectionStep,
} from "../maintenance/collector.ts";
import { createLeasePolicy } from "../registry/leases.ts";
import type { AppContext } from "./context.ts";
import { hasDataFolder } from "./data-folder.ts";

/*
 * Collections that an administrator starts: by `berth gc` in a process of its own, or as a job of a server. The dry run of a
 * server is in a thread, because it copies the database.
 */

/** Deletes what is due. `deletesNow`: also bytes that would wait for `gc.deleteDelay`. */
export async function* collectNow(
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const parts = { store: await context.store(), database: await context.database() };
  yield* collectionOf(context, parts, deletesNow);
}

/** The steps that {@link collectNow} would take now, computed on a copy of the database. Changes nothing. */
export async function* dryRun(
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const folder = await makeDryRunFolder(context);
  try {
    yield* dryRunIn(folder, context, deletesNow);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const dayMs = 24 * 3_600_000;

/** Makes a folder for a copy of the database. Deletes the copies of processes that were killed a day ago or earlier. */
async function makeDryRunFolder({ config }: AppContext): Promise<string> {
  if (!hasDataFolder(config)) return mkdtemp(path.join(tmpdir(), "berth-dry-run-"));
  for (const name of await readdir(config.data)) {
    if (!name.startsWith(dryRunPrefix)) continue;
    const left = path.join(config.data, name);
    const { mtimeMs } = await stat(left).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > dayMs) await rm(left, { recursive: true, force: true });
  }
  return mkdtemp(path.join(config.data, dryRunPrefix));
}

const dryRunPrefix = "dry-run-";

/** The same with the copy of the database in a folder, which the caller removes. */
export async function* dryRunIn(
  folder: string,
  context: AppContext,
  deletesNow: boolean,
): AsyncGenerator<CollectionStep> {
  const [{ openSqliteDatabase }, { snapshotDatabase }] = await Promise.all([
    import("../database/sqlite/open.ts"),
    import("./database-copy.ts"),
  ]);
  const database = await openSqliteDatabase(await snapshotDatabase(context.config, folder));
  try {
    const store = dryRunStore(await context.store());
    yield* collectionOf(context, { store, database }, deletesNow);
  } finally {
    await database.close();
  }
}

function collectionOf(
  { clock, config, leaseTimes }: AppContext,
  parts: { readonly store: Pick<BlobStore, "list" | "delete">; readonly database: Database },
  deletesNow: boolean,
): AsyncIterable<CollectionStep> {
  const times = deletesNow ? { ...leaseTimes, deleteDelayMs: 0 } : leaseTimes;
  return collect({
    ...parts,
    clock,
    leasePolicy: createLeasePolicy(clock, times),
    deleteUntagged: config.gc.deleteUntagged,
    graceMs: leaseTimes.graceMs,
    orphans: true,
  });
}

/** A store that deletes nothing and hides deleted keys from its list. */
function dryRunStore(store: BlobStore): Pick<BlobStore, "list" | "delete"> {
  const deleted = new Set<string>();
  return {
    async delete(key) {
      deleted.add(key);
    },
    async *list() {
      for await (const object of store.list()) if (!deleted.has(object.key)) yield object;
    },
  };
}

/** A collection, or its dry run, as a job of a server. */
export function collectionJob(
  context: AppContext,
  { isDryRun, deletesNow }: { readonly isDryRun: boolean; readonly deletesNow: boolean },
): JobTask {
  return {
    kind: "collection",
    isDryRun,
    async run(job) {
      let failed = 0;
      const steps = isDryRun
        ? stepsOfThread(context, deletesNow, job.signal)
        : collectNow(context, deletesNow);
      const work = createYieldingWork(() => job.signal.aborted);
      const count = (stats: Readonly<CollectionStats>): void => {
        ({ failed } = stats);
        job.count({ ...stats });
      };
      for await (const step of withStats(steps, count)) {
        if (job.signal.aborted) return;
        await work.step();
        showStep(job, step);
      }
      if (failed > 0) throw new JobError(`${failed} blobs could not be deleted`);
    },
  };
}

function showStep(job: RunningJob, step: CollectionStep): void {
  const { kind } = step;
  switch (kind) {
    case "manifest":
    case "link":
      return job.find({ kind, subject: step.repository, digest: step.digest });
    case "repository":
      return job.find({ kind, subject: step.repository });
    case "bytes":
      return job.find({ kind, digest: step.digest, size: step.sizeBytes });
    case "orphan":
      return job.find({ kind, subject: step.key, size: step.sizeBytes });
    case "failed":
      return job.find({ kind, digest: step.digest, message: String(step.error) });
    case "waiting":
    case "pause":
  }
}

/** The steps of a {@link dryRun} in a thread of its own, which ends with the signal: the copy takes long. */
async function* stepsOfThread(
  context: AppContext,
  deletesNow: boolean,
  signal: AbortSignal,
): AsyncGenerator<CollectionStep> {
  const { config } = context;
  if (config.storage.driver === "memory")
    throw new JobError("blobs in memory are those of one process: there is no dry run");
  const folder = await makeDryRunFolder(context);
  const extension = path.extname(import.meta.url);
  const thread = new Worker(new URL(`./dry-run-thread${extension}`, import.meta.url), {
    workerData: { config, folder, deletesNow },
  });
  try {
    // Rejects with the error of the thread. The thread ends after its last step.
    for await (const [step] of on(thread, "message", { close: ["exit"], signal }))
      yield step as CollectionStep;
  } finally {
    await thread.terminate();
    await rm(folder, { recursive: true, force: true });
  }
}
