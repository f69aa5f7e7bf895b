import process from "node:process";
import type { Command } from "commander";
import { readPassphrase, withBackup, type BackupOptions } from "../support/backups.ts";
import { dataFolderCommand } from "../support/options.ts";
import { createProgress, formatBytes } from "../support/output.ts";
import { withPlace } from "./backup.ts";

interface Options extends BackupOptions {
  readonly point?: string;
  readonly passphraseFile?: string;
  readonly keepBlobs?: true;
}

const notes = `
The registry is that of the configuration: a data folder, or database.url and
storage.s3. It must be empty: move the old one to another folder first. It may
be of another kind than that of the backup: a point of PostgreSQL and S3 becomes
a data folder, or the other way round. The next run continues an interrupted
one; no server starts before its end.

--keep-blobs is for a lost database whose blobs are still there: only the blobs
that are missing are copied. The collector then deletes blobs that are newer
than the point.
`;

/** `berth restore`: makes a registry of a point of a backup. */
export function restoreCommand(): Command {
  return withPlace(dataFolderCommand("restore", "make a registry of a backup"))
    .option("--point <id>", "the id in the output of berth backup list (default: the newest)")
    .option("--passphrase-file <file>", "the first line opens the keys that sign tokens")
    .option("--keep-blobs", "the store still has blobs of this registry")
    .addHelpText("after", notes)
    .action(restore);
}

async function restore(location: string, options: Options): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile);
  await withBackup(location, options, async (from, say, config) => {
    const [{ listPoints, readPoint }, { restoreBackup }] = await Promise.all([
      import("../../maintenance/backup/point.ts"),
      import("../../app/restore.ts"),
    ]);
    const id = options.point ?? (await listPoints(from))[0] ?? "";
    const point = await readPoint(from, id);
    const bar = createProgress("copying", point.bytes);
    const keepsBlobs = options.keepBlobs === true;
    const advance = (bytes: number): void => bar.advance(bytes);
    const restoring = { config, from, point, passphrase, keepsBlobs, advance };
    const { copied, there, bytes, missing, keys, webhooks } = await restoreBackup(
      restoring,
    ).finally(() => bar.end());
    const text = `restored the point ${id}: ${point.repositories} repositories; copied ${copied} blobs of ${formatBytes(bytes)}, ${there} were there`;
    const lines = [text];
    for (const { digest } of missing) lines.push(`missing: ${digest}: push it again`);
    if (passphrase === undefined && point.keys !== null)
      lines.push(
        "the keys that sign tokens were not restored: clients log in again, and webhooks may need new secrets",
      );
    lines.push('run "berth check" before the first start');
    const facts = { copied, there, bytes, missing: missing.length, keys, webhooks };
    say({ kind: "sum", point: id, repositories: point.repositories, ...facts }, ...lines);
    // Mirrors fetch their blobs again.
    if (missing.some(({ state }) => state !== "evicted")) process.exitCode = 1;
  });
}
