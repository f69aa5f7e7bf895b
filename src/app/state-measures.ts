import process from "node:process";
import { createCostlyValues } from "../concurrency/costly-value.ts";
import { packageVersion } from "../config/package-version.ts";
import type { Job } from "../database/maintenance/job-reads.ts";
import type { Administration } from "../http/api/admin/administration.ts";
import type { Readiness } from "../http/ops/health.ts";
import type { GaugeName } from "../observability/metric-table.ts";
import { measureOf, type Measure, type Measures } from "../observability/process-metrics.ts";
import { measureDisk } from "./administration.ts";
import type { AppContext } from "./context.ts";

/** The namespaces whose quota is shown. */
const largestQuotas = 20;

interface Parts {
  readonly context: AppContext;
  readonly administration: Administration;
  readonly readiness: () => Promise<Readiness>;
}

/** Reads the state of the registry. The values are read again after 20 times the time that the last reading took. */
export function createStateMeasures(parts: Parts): () => Promise<Measures> {
  const { config } = parts.context;
  const values = createCostlyValues<Measures>();
  const build = {
    version: packageVersion(),
    node: process.versions.node,
    database: config.database.url === undefined ? "sqlite" : "postgres",
    storage: config.storage.driver,
  };
  return async () => [
    measureOf("berth_build_info", [{ labels: build, value: 1 }]),
    await readParts(parts),
    ...(await values("state", () => readState(parts))),
  ];
}

/** One value for a gauge without labels; none if it is unknown. */
const gauge = (name: GaugeName, value: number | undefined): Measure =>
  measureOf(name, value === undefined ? [] : [{ labels: {}, value }]);

async function readParts({ readiness }: Parts): Promise<Measure> {
  const { problems } = await readiness();
  const names = new Set(["database", "storage", ...Object.keys(problems)]);
  return measureOf(
    "berth_part_up",
    [...names].map((part) => ({ labels: { part }, value: part in problems ? 0 : 1 })),
  );
}

async function readState({ context, administration }: Parts): Promise<Measures> {
  const { config } = context;
  const database = await context.database();
  const { jobs } = administration;
  const waiting = await administration.waiting();
  const collection = await jobs.lastEnded("collection");
  const scrub = await jobs.lastEnded("scrub");
  const disk = await measureDisk(config);
  return [
    gauge("berth_uploads_open", await database.uploads.count()),
    gauge("berth_blobs_missing", await database.storedBlobs.countMissing()),
    ...measureRuns("collector", collection, await jobs.nextAtMs("collection")),
    gauge("berth_collector_last_run_errors", collection?.counts["failed"]),
    gauge("berth_collector_last_run_freed_bytes", collection?.counts["bytes"]),
    gauge("berth_collector_waiting_blobs", waiting.blobs),
    gauge("berth_collector_waiting_bytes", waiting.bytes),
    ...measureRuns("scrub", scrub, await jobs.nextAtMs("scrub")),
    gauge(
      "berth_scrub_last_run_bad_blobs",
      scrub && (scrub.counts["quarantined"] ?? 0) + (scrub.counts["unreadable"] ?? 0),
    ),
    ...measureQuotas(await database.quotas.largest(largestQuotas), config.quotas.default),
    gauge("berth_audit_waiting_seconds", await auditWaitingSeconds(context)),
    gauge("berth_disk_free_bytes", disk?.free),
    gauge("berth_disk_size_bytes", disk?.total),
    gauge("berth_database_size_bytes", await database.sizeBytes()),
  ];
}

/** `undefined`: the audit log is not forwarded. */
async function auditWaitingSeconds({ config, database, clock }: AppContext) {
  if (config.audit.forward === undefined) return undefined;
  const atMs = await (await database()).auditForwarding.oldestWaitingAtMs();
  return atMs === undefined ? 0 : Math.max(0, (clock() - atMs) / 1_000);
}

/** The last run that has ended; none before the first one. */
function measureRuns(
  task: "collector" | "scrub",
  job: Job | undefined,
  nextAtMs: number | undefined,
): Measures {
  const endedAtMs = job?.endedAtMs ?? job?.seenAtMs;
  const next = nextAtMs === undefined ? undefined : nextAtMs / 1_000;
  return [
    gauge(`berth_${task}_next_run_timestamp_seconds`, next),
    ...(job === undefined || endedAtMs === undefined
      ? []
      : [
          gauge(`berth_${task}_last_run_timestamp_seconds`, endedAtMs / 1_000),
          gauge(`berth_${task}_last_run_duration_seconds`, (endedAtMs - job.startedAtMs) / 1_000),
          gauge(`berth_${task}_last_run_success`, job.state === "done" ? 1 : 0),
        ]),
  ];
}

function measureQuotas(
  quotas: readonly {
    readonly namespace: string;
    readonly usedBytes: number;
    readonly limitBytes: number | null;
  }[],
  defaultBytes: number | undefined,
): Measures {
  const of = (name: GaugeName, valueOf: (quota: (typeof quotas)[number]) => number | undefined) =>
    measureOf(
      name,
      quotas.flatMap((quota) => {
        const value = valueOf(quota);
        return value === undefined ? [] : [{ labels: { namespace: quota.namespace }, value }];
      }),
    );
  return [
    of("berth_quota_used_bytes", ({ usedBytes }) => usedBytes),
    of("berth_quota_limit_bytes", ({ limitBytes }) => limitBytes ?? defaultBytes),
  ];
}
