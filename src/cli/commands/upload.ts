import { Command } from "commander";
import { group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { formatBytes } from "../support/output.ts";
import { withRepositories } from "../support/repositories.ts";

const notes = `
An upload is a blob of which a client has not sent the end. Its bytes stay for limits.uploadExpiry (7d) after
the last one, so that the client can go on; delete it where the disk is needed sooner.
`;

/** `berth upload list|delete`: open uploads. */
export function uploadCommand(): Command {
  const command = new Command("upload")
    .description("uploads that are open, and the bytes they hold")
    .addHelpText("after", notes);
  return group(command, [
    dataFolderCommand("list", "list open uploads, the one that rests longest first").action(list),
    dataFolderCommand("delete", "delete an upload and its bytes")
      .argument("<id>", "as list shows it")
      .action(remove),
  ]);
}

async function list(options: DataFolderOptions): Promise<void> {
  await withRepositories(options, async ({ folder, output }) => {
    for await (const { id, repository, bytes, touchedAtMs } of folder.uploads.list()) {
      const touchedAt = new Date(touchedAtMs).toISOString();
      output.say(
        { id, repository, bytes, touchedAt },
        `${id}  ${repository}  ${formatBytes(bytes)}  last used ${touchedAt}`,
      );
    }
  });
}

async function remove(id: string, options: DataFolderOptions): Promise<void> {
  await withRepositories(options, async ({ folder, output }) => {
    const isDeleted = await folder.uploads.delete(id);
    if (!isDeleted) throw new CliError(`there is no upload ${id}; "berth upload list" shows them`);
    output.say({ id, deleted: true }, `deleted ${id}`);
  });
}
