import process from "node:process";
import type { Command } from "commander";
import { jobSchema, type FindingAnswer } from "../../api/jobs.ts";
import { collectionSchema, type CollectionAnswer } from "../../api/server.ts";
import type { AppContext } from "../../app/context.ts";
import type { CollectionStats, CollectionStep } from "../../maintenance/collector.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { serverCommand, type ServerOptions } from "../support/options.ts";
import { CliError } from "../support/failure.ts";
import { untilEnded } from "../support/jobs.ts";
import { formatBytes, shortTime, type Say } from "../support/output.ts";
import type { Remote } from "../support/remote.ts";

interface Options extends ServerOptions {
  readonly dryRun?: true;
  readonly now?: true;
}

const notes = `
It is safe while a server runs on the folder and clients push. It keeps what was
pushed, mounted or requested by a pusher within gc.lease (1h), and what lost its
last user within gc.grace (24h). It deletes manifests without a tag only with
gc.deleteUntagged: true.

The bytes of a blob are deleted gc.deleteDelay (10m) after its row is marked,
because a server may be sending them. A running server or a later "berth gc"
deletes them. --now deletes them at once; this can break downloads of deleted
blobs. A server also collects every gc.interval (1h).

With --host the server collects, as a job; the output has its first 1,000 steps.
`;

/** `berth gc`: deletes manifests and blobs that no tag, index or lease keeps. */
export function gcCommand(): Command {
  return serverCommand("gc", "delete manifests and blobs that nothing uses")
    .option("--now", "delete bytes now instead of after gc.deleteDelay, for a full disk")
    .option("--dry-run", "list what would be deleted, and delete nothing")
    .addHelpText("after", notes)
    .action(gc);
}

function gc(options: Options): Promise<void> {
  return onFolderOrServer(options, {
    folder: (context, say) => collectFolder(options, context, say),
    server: (remote) => collectServer(options, remote),
  });
}

async function collectFolder(options: Options, context: AppContext, say: Say): Promise<void> {
  const [{ withStats }, { collectNow, dryRun }] = await Promise.all([
    import("../../maintenance/collector.ts"),
    import("../../app/collection.ts"),
  ]);
  const isDryRun = options.dryRun === true;
  const deletesNow = options.now === true;
  let stats: Readonly<CollectionStats> | undefined;
  const steps = isDryRun ? dryRun(context, deletesNow) : collectNow(context, deletesNow);
  for await (const step of withStats(steps, (sums) => (stats = sums))) {
    const line = lineOf(step, isDryRun);
    if (line !== undefined) say(step, line);
  }
  if (!isDryRun) await sayWaitingOf(context, say);
  if (stats !== undefined) saySum(stats, isDryRun, say);
}

async function sayWaitingOf(context: AppContext, say: Say): Promise<void> {
  const { collection } = await context.database();
  const { presentCandidates } = await import("../../http/api/admin/maintenance.ts");
  const waiting = await collection.waiting();
  const candidates = presentCandidates(await collection.candidates(), context.config.gc);
  sayWaiting({ waiting, ...candidates }, say);
}

/** The same as a job of a running server, which has the first 1,000 steps. */
async function collectServer(options: Options, remote: Remote): Promise<void> {
  const isDryRun = options.dryRun === true;
  const body = { dry_run: isDryRun, now: options.now === true };
  const job = await untilEnded(remote, await remote.post(jobSchema, "/admin/gc", body));
  for (const finding of job.findings) {
    const step = stepOf(finding);
    const line = lineOf(step, isDryRun);
    if (line !== undefined) remote.say(step, line);
  }
  const stats = job.counts as unknown as CollectionStats;
  if (stats.failed === undefined) throw new CliError(job.reason ?? "the collection failed");
  if (!isDryRun) {
    sayWaiting(await remote.get(collectionSchema, "/admin/gc"), remote.say);
  }
  saySum(stats, isDryRun, remote.say);
  if (job.state !== "done" && stats.failed === 0)
    throw new CliError(job.reason ?? `the collection was ${job.state}`);
}

/** The step of the collector that a finding of a job tells. */
function stepOf({ kind, subject, digest, size, message }: FindingAnswer): CollectionStep {
  const [sizeBytes, text] = [size ?? 0, subject ?? ""];
  const found = {
    manifest: { kind, repository: text, digest },
    link: { kind, repository: text, digest },
    repository: { kind, repository: text },
    bytes: { kind, digest, sizeBytes },
    orphan: { kind, key: text, sizeBytes },
    failed: { kind, digest, error: message },
  }[kind];
  return (found ?? { kind: "pause" }) as CollectionStep;
}

function saySum(stats: Readonly<CollectionStats>, isDryRun: boolean, say: Say): void {
  say({ kind: "sum", dryRun: isDryRun, ...stats }, summary(stats, isDryRun));
  if (stats.failed > 0) process.exitCode = 1;
}

/** What the collector deletes or checks later, and until when. */
function sayWaiting(
  now: Pick<CollectionAnswer, "waiting" | "waiting_until" | "candidates">,
  say: Say,
): void {
  const { waiting, waiting_until: until, candidates } = now;
  const { blobs, blobs_until, manifests, manifests_until } = candidates;
  const lines = [
    ...(waiting.blobs === 0
      ? []
      : [
          `waiting: ${formatBytes(waiting.bytes)} of ${waiting.blobs} blobs are deleted until ${shortTime(until)} (gc.deleteDelay)`,
        ]),
    ...(blobs === 0
      ? []
      : [`waiting: ${blobs} blobs are checked until ${shortTime(blobs_until)} (gc.grace)`]),
    ...(manifests === 0
      ? []
      : [
          `waiting: ${manifests} manifests are checked until ${shortTime(manifests_until)} (gc.grace)`,
        ]),
  ];
  if (lines.length > 0) say({ kind: "waiting", ...waiting, until, candidates }, ...lines);
}

function lineOf(step: CollectionStep, isDryRun: boolean): string | undefined {
  const did = isDryRun ? "would delete" : "deleted";
  switch (step.kind) {
    case "manifest":
      return `${did} manifest ${step.repository}@${step.digest}`;
    case "link":
      return `${did} blob ${step.digest} from ${step.repository}`;
    case "repository":
      return `${did} empty repository ${step.repository}`;
    case "bytes":
      return `${did} ${formatBytes(step.sizeBytes)} of blob ${step.digest}`;
    case "orphan":
      return `${did} ${formatBytes(step.sizeBytes)} without a row: ${step.key}`;
    case "failed":
      return `cannot delete blob ${step.digest}: ${String(step.error)}`;
    case "waiting":
    case "pause":
      return undefined;
  }
}

function summary(stats: CollectionStats, isDryRun: boolean): string {
  const { manifests, blobs, orphans, bytes, failed, waiting, waitingBytes } = stats;
  const later =
    waiting === 0
      ? ""
      : `; ${formatBytes(waitingBytes)} of ${waiting} blobs follow after gc.deleteDelay`;
  const failures = failed === 0 ? "" : `; ${failed} failed`;
  return `${isDryRun ? "would free" : "freed"} ${formatBytes(bytes)}: ${manifests} manifests, ${blobs} blobs, ${orphans} files without a row${later}${failures}`;
}
