import { jobSchema } from "../../../api/jobs.ts";
import {
  collectionSchema,
  openUploadSchema,
  overviewSchema,
  scrubSchema,
  startCollectionBody,
  startScrubBody,
  uploadListQuery,
  type CollectionAnswer,
  type OverviewAnswer,
} from "../../../api/server.ts";
import { pageSchema, timeOf, timeOrNull } from "../../../api/fields.ts";
import type { WaitingCandidates } from "../../../database/maintenance/collection.ts";
import type { JobKind } from "../../../database/schema.ts";
import type { StoredBlobs } from "../../../maintenance/stored-blobs.ts";
import type { OpenUpload } from "../../../registry/uploads/open-uploads.ts";
import { HubError } from "../../hub/errors.ts";
import type { Pager } from "../../hub/pages.ts";
import { route, type Route } from "../../route.ts";
import { root } from "../repositories.ts";
import type { Administration, MaintenanceSettings } from "./administration.ts";
import { presentJob, startJob } from "./jobs.ts";

interface Parts {
  readonly administration: Administration;
  readonly pager: Pager;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin`;

/** Routes of the server as a whole and of its maintenance, for administrators. */
export function maintenanceRoutes(parts: Parts): readonly Route[] {
  const { administration } = parts;
  return [
    route({
      method: "get",
      path: `${path}/overview`,
      requires,
      summary: "What runs, what it holds, what comes next, and what needs attention",
      answer: overviewSchema,
      handle: () => overview(administration),
    }),
    route({
      method: "get",
      path: `${path}/gc`,
      requires,
      summary: "The garbage collection: settings, last and next run, and what waits",
      answer: collectionSchema,
      handle: async () => {
        const { interval, lease, grace, deleteDelay, deleteUntagged } = administration.settings.gc;
        return {
          settings: {
            interval_seconds: interval / 1_000,
            lease_seconds: lease / 1_000,
            grace_seconds: grace / 1_000,
            delete_delay_seconds: deleteDelay / 1_000,
            delete_untagged: deleteUntagged,
          },
          ...(await runsOf(administration, "collection", interval)),
          waiting: await administration.waiting(),
          ...presentCandidates(await administration.candidates(), { deleteDelay, deleteUntagged }),
        };
      },
    }),
    route({
      method: "post",
      path: `${path}/gc`,
      requires,
      summary: "Starts a collection or its dry run, as a job",
      body: startCollectionBody,
      answer: jobSchema,
      status: 202,
      handle: (request) => {
        const { dry_run: isDryRun, now: deletesNow } = request.body;
        const task = administration.collectionJob({ isDryRun, deletesNow });
        return startJob(administration, request, task);
      },
    }),
    ...scrubRoutes(parts),
    ...uploadRoutes(parts),
  ];
}

function scrubRoutes({ administration }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: `${path}/scrub`,
      requires,
      summary: "The scrub of all blobs: settings, last and next run",
      answer: scrubSchema,
      handle: async () => {
        const { interval, bytesPerSecond } = administration.settings.scrub;
        return {
          settings: { interval_seconds: interval / 1_000, bytes_per_second: bytesPerSecond },
          ...(await runsOf(administration, "scrub", interval)),
        };
      },
    }),
    route({
      method: "post",
      path: `${path}/scrub`,
      requires,
      summary: "Starts to read all blobs again, as a job",
      body: startScrubBody,
      answer: jobSchema,
      status: 202,
      handle: (request) =>
        startJob(administration, request, administration.scrubJob(request.body.bytes_per_second)),
    }),
  ];
}

function uploadRoutes({ administration, pager }: Parts): readonly Route[] {
  const { uploads } = administration;
  return [
    route({
      method: "get",
      path: `${path}/uploads`,
      requires,
      summary: "The open uploads, the longest idle first",
      query: uploadListQuery,
      answer: pageSchema(openUploadSchema),
      handle: async ({ ctx, query }) => {
        const { page, page_size: limit } = query;
        const items = await uploads.list({ limit, offset: (page - 1) * limit });
        return pager.numbered(ctx, query, await uploads.count(), items.map(presentUpload));
      },
    }),
    route({
      method: "delete",
      path: `${path}/uploads/:id`,
      requires,
      summary: "Ends an upload and deletes its bytes",
      status: 204,
      handle: async ({ actor, params }) => {
        const id = params["id"] ?? "";
        if (!(await uploads.has(id))) throw new HubError(404, `there is no upload ${id}`);
        await administration.recordChange(actor, "server.upload.delete", id);
        await uploads.delete(id);
      },
    }),
  ];
}

export const presentCandidates = (
  { deletingSinceMs, blobs, blobsUntilMs, manifests, manifestsUntilMs }: WaitingCandidates,
  {
    deleteDelay,
    deleteUntagged,
  }: Pick<MaintenanceSettings["gc"], "deleteDelay" | "deleteUntagged">,
): Pick<CollectionAnswer, "waiting_until" | "candidates"> => ({
  waiting_until: deletingSinceMs === null ? null : timeOf(deletingSinceMs + deleteDelay),
  candidates: {
    ...{ blobs, blobs_until: timeOrNull(blobsUntilMs) },
    // The collector does not check manifests otherwise.
    ...(deleteUntagged
      ? { manifests, manifests_until: timeOrNull(manifestsUntilMs) }
      : { manifests: 0, manifests_until: null }),
  },
});

const presentUpload = (upload: OpenUpload) => ({
  id: upload.id,
  repository: upload.repository,
  size: upload.bytes,
  started_at: timeOf(upload.startedAtMs),
  touched_at: timeOf(upload.touchedAtMs),
});

/** The last and the next run of maintenance. With an interval of 0 the timer never runs it. */
async function runsOf({ jobs }: Administration, kind: JobKind, intervalMs: number) {
  const last = await jobs.lastEnded(kind);
  const nextAtMs = intervalMs === 0 ? undefined : await jobs.nextAtMs(kind);
  return {
    last: last === undefined ? null : presentJob(last),
    next_at: timeOrNull(nextAtMs),
  };
}

const dayMs = 24 * 3_600_000;
const replicasAtMost = 100;

async function overview(administration: Administration): Promise<OverviewAnswer> {
  const { settings } = administration;
  const facts = await administration.server();
  const stored = await administration.stored();
  return {
    version: facts.version,
    node: facts.node,
    database: facts.database,
    storage: facts.storage,
    workers: facts.workers,
    replicas: facts.replicas.slice(0, replicasAtMost).map((replica) => ({
      id: replica.id,
      host: replica.host,
      version: replica.version,
      started_at: timeOf(replica.startedAtMs),
      seen_seconds_ago: Math.max(0, Math.round(replica.unseenMs / 1_000)),
    })),
    is_ready: facts.isReady,
    problems: { ...facts.problems },
    disk: facts.disk ?? null,
    sizes: { blobs: stored.blobs, bytes: stored.bytes },
    largest: stored.largest.map(({ name, uniqueBytes }) => ({ name, unique_bytes: uniqueBytes })),
    pulls: await administration.pulls(),
    pushes_24h: await administration.pushesSince(Date.now() - dayMs),
    collection: await collectionOf(administration, stored.unreferenced),
    scrub: await runsOf(administration, "scrub", settings.scrub.interval),
    warnings: facts.warnings.map((warning) => ({ ...warning })),
  };
}

async function collectionOf(
  administration: Administration,
  unreferenced: StoredBlobs["unreferenced"],
): Promise<OverviewAnswer["collection"]> {
  const { jobs, settings } = administration;
  const runs = await runsOf(administration, "collection", settings.gc.interval);
  const dryRun = await jobs.lastEnded("collection", { isDryRun: true });
  return {
    ...runs,
    waiting: await administration.waiting(),
    next_frees:
      runs.next_at === null ? null : await administration.waiting(Date.parse(runs.next_at)),
    unreferenced: { ...unreferenced },
    last_dry_run: dryRun === undefined ? null : presentJob(dryRun),
  };
}
