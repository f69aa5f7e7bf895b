import { Command, InvalidArgumentError } from "commander";
import type { CreateOptions, PruneOptions, VerifyOptions } from "../support/backup-actions.ts";
import type { BackupOptions } from "../support/backups.ts";
import { dataFolderCommand, group, withConfigFile } from "../support/options.ts";

const notes = `
A backup is a folder, or s3://BUCKET/PREFIX. It has points in time, which share
the blobs: each run copies only the new ones. "berth restore" makes a registry
of a point. docs/backup.md has more.

Endpoint and credentials of a bucket are those of storage.s3 in the
configuration of the server, or in the file of --s3, or those of the AWS
environment variables.
`;

const createNotes = `
Servers run meanwhile. The point has all that was acknowledged before it began.
No bytes of blobs are deleted while it runs, except those that a mirror evicts.

--passphrase-file adds the keys that sign tokens and the secrets of webhooks,
encrypted. Without them clients log in again after a restore, and webhooks may
need new secrets. --link needs no space for the blobs, and
does not protect them from a failure of their disk.

The exit code is 1 if the registry itself has lost a blob.
`;

/** `berth backup create|list|verify|prune` */
export function backupCommand(): Command {
  const command = new Command("backup")
    .description("make, list, verify and prune backups")
    .addHelpText("after", notes);
  return group(command, [
    withPlace(dataFolderCommand("create", "add a point in time, while servers run"))
      .option("--passphrase-file <file>", "the first line encrypts the keys that sign tokens")
      .option("--link", "link the files of blobs in place of a copy, on one file system")
      .addHelpText("after", createNotes)
      .action(async (location: string, options: CreateOptions) =>
        (await actions()).create(location, options),
      ),
    backupOnly("list", "list the points, the newest first").action(
      async (location: string, options: BackupOptions) => (await actions()).list(location, options),
    ),
    backupOnly("verify", "read all points, or one, and compare their digests")
      .argument("[point]", "the id of a point in the output of list")
      .option("--quick", "compare only the sizes of blobs")
      .action(async (location: string, id: string | undefined, options: VerifyOptions) =>
        (await actions()).verify(location, id, options),
      ),
    backupOnly("prune", "remove the oldest points and the blobs that only they need")
      .requiredOption("--keep <n>", "how many points stay", parseKeep)
      .action(async (location: string, options: PruneOptions) =>
        (await actions()).prune(location, options),
      ),
  ]);
}

/** Loaded when a command runs, in one piece: many small files would slow the start of the server. */
export const actions = () => import("../support/backup-actions.ts");

/** Adds the arguments and options that name a backup. */
export const withPlace = (command: Command): Command =>
  command
    .argument("<backup>", "a folder, or s3://BUCKET/PREFIX")
    .option("--s3 <file>", "a configuration file with the storage.s3 keys of the bucket");

const backupOnly = (name: string, description: string): Command =>
  withConfigFile(withPlace(new Command(name).description(description))).option(
    "--json",
    "print one JSON object per line, for programs",
  );

function parseKeep(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("It is a number above 0.");
  return Number(text);
}
