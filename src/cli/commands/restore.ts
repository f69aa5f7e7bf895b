import type { Command } from "commander";
import type { RestoreOptions } from "../support/backup-actions.ts";
import { dataFolderCommand } from "../support/options.ts";
import { actions, withPlace } from "./backup.ts";

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
    .action(async (location: string, options: RestoreOptions) =>
      (await actions()).restore(location, options),
    );
}
