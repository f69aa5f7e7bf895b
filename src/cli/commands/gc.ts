import type { Command } from "commander";
import type { CollectionStep, CollectionStats } from "../../app/maintenance.ts";
import {
  dataFolderCommand,
  withDataFolder,
  type DataFolderOptions,
} from "../support/data-folder.ts";
import { createOutput, formatBytes } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly dryRun?: true;
  readonly now?: true;
}

const notes = `
Safe while a server runs on the folder and people push. What was pushed, mounted or asked for within
gc.lease (1h), and what was needed within gc.grace (24h), is kept. Manifests without a tag go only
with gc.deleteUntagged: true. The bytes of a blob go gc.deleteDelay (10m) after its row, since a server may be
sending them: a running server does that, or the next gc. --now does not wait, and may cut off a download
of what is being collected. A server collects by itself every gc.interval (1h).
`;

/** `berth gc`: deletes manifests and blobs that no tag, index or lease keeps. */
export function gcCommand(): Command {
  return dataFolderCommand("gc", "free what no tag, index or lease keeps")
    .option("--now", "delete bytes at once instead of after gc.deleteDelay, for a full disk")
    .option("--dry-run", "list what would be freed, and free nothing")
    .addHelpText("after", notes)
    .action(gc);
}

async function gc(options: Options): Promise<void> {
  const output = createOutput(options);
  const { withStats } = await import("../../app/maintenance.ts");
  await withDataFolder(options, async (maintenance) => {
    let freed: Readonly<CollectionStats> | undefined;
    const deletesNow = options.now === true;
    const steps = options.dryRun ? maintenance.dryRun(deletesNow) : maintenance.collect(deletesNow);
    for await (const step of withStats(steps, (tally) => (freed = tally))) {
      const line = lineOf(step, options.dryRun === true);
      if (line !== undefined) output.say(step, line);
    }
    if (freed === undefined) return;
    const { manifests, blobs, orphans, bytes, failed, waiting, waitingBytes } = freed;
    const later = `; ${formatBytes(waitingBytes)} of ${waiting} blobs follow after gc.deleteDelay`;
    output.say(
      { kind: "sum", dryRun: options.dryRun === true, ...freed },
      `${options.dryRun ? "would free" : "freed"} ${formatBytes(bytes)}: ${manifests} manifests, ${blobs} blobs, ${orphans} files without a row${waiting > 0 ? later : ""}${failed > 0 ? `; ${failed} failed` : ""}`,
    );
    if (failed > 0) process.exitCode = 1;
  });
}

function lineOf(step: CollectionStep, dryRun: boolean): string | undefined {
  const did = dryRun ? "would remove" : "removed";
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
      return `could not remove blob ${step.digest}: ${String(step.error)}`;
    case "waiting":
    case "looked":
      return undefined;
  }
}
