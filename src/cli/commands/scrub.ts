import type { Command } from "commander";
import {
  dataFolderCommand,
  withDataFolder,
  type DataFolderOptions,
} from "../support/data-folder.ts";
import { createOutput, createProgress, formatBytes } from "../support/output.ts";

const notes = `
Reads every blob from the first to the last byte and compares its digest. Wrong bytes are quarantined:
clients get 404, and the next push of the digest heals it. A blob that was marked as missing and whose
bytes are right is shown again. A server does the same in the
background every scrub.interval (7d), at scrub.bytesPerSecond (8 MiB a second). Exit code 1 when something was wrong.
`;

/** `berth scrub`: hashes each blob again, without a speed limit. */
export function scrubCommand(): Command {
  return dataFolderCommand("scrub", "read every blob again and quarantine wrong bytes")
    .addHelpText("after", notes)
    .action(scrub);
}

async function scrub(options: DataFolderOptions): Promise<void> {
  const output = createOutput(options);
  await withDataFolder(options, async (maintenance) => {
    const { bytes } = await maintenance.counts();
    const progress = createProgress("reading", bytes);
    const sum = { blobs: 0, bytes: 0, restored: 0, quarantined: 0, unreadable: 0 };
    for await (const { blob, state, error } of maintenance.scrub(0)) {
      sum.blobs += 1;
      sum.bytes += blob.sizeBytes;
      progress.advance(blob.sizeBytes);
      if (state === "whole") continue;
      const { digest } = blob;
      if (state === "unreadable" || state === "restored") sum[state] += 1;
      else sum.quarantined += 1;
      const texts: Partial<Record<typeof state, string>> = {
        unreadable: `unreadable: ${digest}: ${String(error)}`,
        restored: `restored: ${digest}: it was missing, and its bytes are back`,
      };
      const text = texts[state] ?? `quarantined: ${digest}: ${state}`;
      progress.pause(() => output.say({ kind: "finding", digest, state }, text));
    }
    progress.end();
    output.say(
      { kind: "sum", ...sum },
      `read ${sum.blobs} blobs, ${formatBytes(sum.bytes)}: ${sum.restored} restored, ${sum.quarantined} quarantined, ${sum.unreadable} unreadable`,
    );
    if (sum.quarantined + sum.unreadable > 0) process.exitCode = 1;
  });
}
