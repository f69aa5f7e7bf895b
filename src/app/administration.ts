import { statfs } from "node:fs/promises";
import process from "node:process";
import { createCostlyValues } from "../concurrency/costly-value.ts";
import { createYieldingWork } from "../concurrency/yielding-work.ts";
import { isLoopback } from "../config/addresses.ts";
import { packageVersion } from "../config/package-version.ts";
import type { Config } from "../config/schema.ts";
import { JobError, type JobTask } from "../coordination/job-run.ts";
import { allRepositories, dayOf } from "../database/catalog/pull-counters.ts";
import type { Administration, ServerFacts } from "../http/api/admin/administration.ts";
import type { Readiness } from "../http/ops/health.ts";
import { scrub, withScrubStats } from "../maintenance/scrub.ts";
import { measureStoredBlobs, type StoredBlobs } from "../maintenance/stored-blobs.ts";
import { createOpenUploads } from "../registry/uploads/open-uploads.ts";
import { openMirrorChanges } from "./added-mirrors.ts";
import { collectionJob } from "./collection.ts";
import type { AppContext } from "./context.ts";
import { hasDataFolder } from "./data-folder.ts";

/** The most pushes that the overview counts. */
const pushesAtMost = 10_000;

/** The administration of a server by its API. */
export async function openAdministration(
  context: AppContext,
  readiness: () => Promise<Readiness>,
): Promise<Administration> {
  const { config, clock } = context;
  const { gc } = config;
  const [jobs, database, store] = [
    await context.jobs(),
    await context.database(),
    await context.store(),
  ];
  // Jobs use all other parts, so they end first.
  context.onClose(() => jobs.close());
  const stored = createCostlyValues<StoredBlobs>();
  const administration: Administration = {
    jobs,
    mirrors: await administeredMirrors(context),
    mirrorChanges: await openMirrorChanges(context),
    keyRing: config.auth.open ? undefined : await context.keyRing(),
    readOnly: await context.readOnly(),
    uploads: createOpenUploads({ store, database }),
    collectionJob: (options) => collectionJob(context, options),
    scrubJob: (bytesPerSecond) => scrubJob(context, bytesPerSecond),
    settings: {
      gc: {
        interval: gc.interval,
        lease: gc.lease,
        grace: gc.grace,
        deleteDelay: gc.deleteDelay,
        deleteUntagged: gc.deleteUntagged,
      },
      scrub: config.scrub,
      auditKeptMs: config.audit.keep,
    },
    waiting: (atMs) =>
      database.collection.waiting(atMs === undefined ? undefined : atMs - gc.deleteDelay),
    candidates: () => database.collection.candidates(),
    stored: () => stored("blobs", () => measureStoredBlobs(database)),
    pulls: () => readPulls(context),
    pushesSince: (sinceMs) => database.auditLog.pushesSince(sinceMs, pushesAtMost),
    server: () => describeServer(context, readiness, administration),
    recordChange: (actor, action, subject) =>
      database.commands.recordServerChange({ actor, action, subject, nowMs: clock() }),
  };
  return administration;
}

/** The administration of the mirrors, which is opened when there are some. */
async function administeredMirrors(context: AppContext): Promise<Administration["mirrors"]> {
  const live = await context.mirrors();
  const { openMirrorAdministration } = await import("./mirrors.ts");
  let opened: ReturnType<typeof openMirrorAdministration> | undefined;
  return async () =>
    live.current === undefined ? undefined : await (opened ??= openMirrorAdministration(context));
}

/** A scrub as a job. It fails if a blob is wrong or unreadable. */
function scrubJob(context: AppContext, bytesPerSecond: number | undefined): JobTask {
  const { clock, config, logger } = context;
  return {
    kind: "scrub",
    async run(job) {
      const [store, database] = [await context.store(), await context.database()];
      const work = createYieldingWork(() => job.signal.aborted);
      const limit = bytesPerSecond ?? config.scrub.bytesPerSecond;
      const { signal } = job;
      const parts = { store, database, clock, report: logger, signal };
      const blobs = scrub({ ...parts, bytesPerSecond: limit });
      let bad = 0;
      const done = (stats: object): void => logger.info({ ...stats }, "scrubbed all blobs");
      for await (const { state } of withScrubStats(blobs, job, done)) {
        if (job.signal.aborted) return;
        if (state !== "whole" && state !== "restored") bad += 1;
        await work.step();
      }
      if (bad > 0) throw new JobError(`${bad} blobs are wrong or unreadable`);
    },
  };
}

/** The pulls of all repositories, by day in UTC. The counters are at most a few seconds old. */
async function readPulls({ clock, pullCounters }: AppContext) {
  const { counts } = await pullCounters();
  const today = dayOf(clock());
  const days = await counts.days([allRepositories], { fromDay: today - 1 });
  const on = (wanted: number) => days.find(({ day }) => day === wanted)?.pulls ?? 0;
  return { today: on(today), yesterday: on(today - 1) };
}

async function describeServer(
  { config, database: open }: AppContext,
  readiness: () => Promise<Readiness>,
  administration: Administration,
): Promise<ServerFacts> {
  const { coordination } = await open();
  const { isReady, problems } = await readiness();
  return {
    version: packageVersion(),
    node: process.versions.node,
    database: coordination === undefined ? "sqlite" : "postgres",
    storage: config.storage.driver,
    workers: config.workers,
    replicas: (await coordination?.listReplicas()) ?? [],
    isReady,
    problems,
    disk: await measureDisk(config),
    warnings: [...warningsOf(config), ...(await warningsOfParts(administration))],
  };
}

/** The disk of the data folder, in bytes. */
export async function measureDisk(config: Config): Promise<ServerFacts["disk"]> {
  if (!hasDataFolder(config) || config.storage.driver === "memory") return undefined;
  const { blocks, bavail, bsize } = await statfs(config.data);
  return { total: blocks * bsize, free: bavail * bsize };
}

/** What in the configuration may surprise clients. */
function warningsOf({ listen, tls, publicUrl }: Config): ServerFacts["warnings"] {
  if (isLoopback(listen.host)) return [];
  const isPlain = tls === undefined && publicUrl?.startsWith("https:") !== true;
  return [
    ...(publicUrl === undefined
      ? [
          {
            code: "no_public_url",
            message:
              "publicUrl is not set: behind a proxy clients may get addresses that they cannot reach",
          },
        ]
      : []),
    ...(isPlain
      ? [
          {
            code: "plain_http",
            message:
              "passwords and tokens cross the network unencrypted: set tls, or publicUrl with the https address of a proxy",
          },
        ]
      : []),
  ];
}

async function warningsOfParts({
  keyRing,
  mirrors: openMirrors,
}: Pick<Administration, "keyRing" | "mirrors">): Promise<ServerFacts["warnings"]> {
  const mirrors = await openMirrors();
  const keys = (await keyRing?.list()) ?? [];
  const ended = keys.filter(({ endsAtMs }) => keyRing?.isOver(endsAtMs) === true);
  const failing: { readonly code: string; readonly message: string }[] = [];
  for (const { settings } of mirrors?.list ?? []) {
    const { failure } = (await mirrors?.healthOf(settings.namespace)) ?? {};
    if (failure !== undefined)
      failing.push({
        code: "mirror_failing",
        message: `the upstream of ${settings.namespace} fails: ${failure.reason}`,
      });
  }
  return [
    ...(ended.length === 0
      ? []
      : [
          {
            code: "key_ended",
            message: `keys have ended and can be removed: ${ended.map(({ id }) => id).join(", ")}`,
          },
        ]),
    ...failing.slice(0, mirrorsWarnedOf),
  ];
}

/** Failing mirrors in the warnings. */
const mirrorsWarnedOf = 10;
