import type { Command } from "commander";
import type { CollectionStep, CollectionTally } from "../upkeep.ts";
import { dataFolderCommand, withDataFolder, type DataFolderOptions } from "./data-folder.ts";
import { createOutput, formatBytes } from "./output.ts";

interface Options extends DataFolderOptions {
  readonly dryRun?: true;
}

const notes = `
Safe while a server runs on the folder and people push. What was pushed, mounted or asked for within
gc.lease (1h), and what was needed within gc.grace (24h), is kept. Manifests without a tag go only
with gc.untagged: after. A server collects by itself every gc.every (1h).
`;

/** `berth gc`: frees what nothing needs any more. */
export function gcCommand(): Command {
  return dataFolderCommand("gc", "free what no tag, index or lease keeps")
    .option("--dry-run", "list what would be freed, and free nothing")
    .addHelpText("after", notes)
    .action(gc);
}

async function gc(options: Options): Promise<void> {
  const output = createOutput(options);
  const { tallied } = await import("../upkeep.ts");
  await withDataFolder(options, async (upkeep) => {
    let freed: Readonly<CollectionTally> | undefined;
    const steps = options.dryRun ? upkeep.rehearse() : upkeep.collect();
    for await (const step of tallied(steps, (tally) => (freed = tally))) {
      const line = lineOf(step, options.dryRun === true);
      if (line !== undefined) output.say(step, line);
    }
    if (freed === undefined) return;
    const { manifests, blobs, orphans, bytes, failed } = freed;
    output.say(
      { kind: "sum", dryRun: options.dryRun === true, ...freed },
      `${options.dryRun ? "would free" : "freed"} ${formatBytes(bytes)}: ${manifests} manifests, ${blobs} blobs, ${orphans} files without a row${failed > 0 ? `; ${failed} failed` : ""}`,
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
    case "bytes":
      return `${did} ${formatBytes(step.sizeBytes)} of blob ${step.digest}`;
    case "orphan":
      return `${did} ${formatBytes(step.sizeBytes)} without a row: ${step.key}`;
    case "failed":
      return `could not remove blob ${step.digest}: ${String(step.error)}`;
    case "looked":
      return undefined;
  }
}
