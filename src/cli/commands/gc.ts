import process from "node:process";
import type { Command } from "commander";
import type { CollectionStats, CollectionStep } from "../../maintenance/collector.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/options.ts";
import { formatBytes } from "../support/output.ts";

interface Options extends DataFolderOptions {
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
`;

/** `berth gc`: deletes manifests and blobs that no tag, index or lease keeps. */
export function gcCommand(): Command {
  return dataFolderCommand("gc", "delete manifests and blobs that nothing uses")
    .option("--now", "delete bytes now instead of after gc.deleteDelay, for a full disk")
    .option("--dry-run", "list what would be deleted, and delete nothing")
    .addHelpText("after", notes)
    .action(gc);
}

function gc(options: Options): Promise<void> {
  return withDataFolder(options, async (context, say) => {
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
    if (stats === undefined) return;
    say({ kind: "sum", dryRun: isDryRun, ...stats }, summary(stats, isDryRun));
    if (stats.failed > 0) process.exitCode = 1;
  });
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
