import process from "node:process";
import type { Command } from "commander";
import { withDataFolder } from "../support/data-folder.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/options.ts";
import { createProgress, formatBytes } from "../support/output.ts";

const notes = `
It reads all bytes of every blob and compares the digest. A blob with wrong
bytes is quarantined: clients get 404, and the next push of the digest restores
it. A blob that was marked as missing is shown again if its bytes are right.

A server does the same every scrub.interval (7d), at scrub.bytesPerSecond (8 MiB
per second). The exit code is 1 if a blob is wrong or unreadable.
`;

/** `berth scrub`: hashes each blob again, without a speed limit. */
export function scrubCommand(): Command {
  return dataFolderCommand("scrub", "read every blob and quarantine those with wrong bytes")
    .addHelpText("after", notes)
    .action(scrub);
}

function scrub(options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const { scrub: verified } = await import("../../maintenance/scrub.ts");
    const [store, database] = [await context.store(), await context.database()];
    const { bytes } = await database.maintenance.counts();
    const progress = createProgress("reading", bytes);
    const sum = { blobs: 0, bytes: 0, restored: 0, quarantined: 0, unreadable: 0 };
    // The command prints its findings itself.
    const report = { warn: () => undefined };
    const parts = { store, database, clock: context.clock, report, bytesPerSecond: 0 };
    for await (const { blob, state, error } of verified(parts)) {
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
      progress.pause(() => say({ kind: "finding", digest, state }, text));
    }
    progress.end();
    say(
      { kind: "sum", ...sum },
      `read ${sum.blobs} blobs, ${formatBytes(sum.bytes)}: ${sum.restored} restored, ${sum.quarantined} quarantined, ${sum.unreadable} unreadable`,
    );
    if (sum.quarantined + sum.unreadable > 0) process.exitCode = 1;
  });
}
