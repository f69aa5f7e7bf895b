import { Command } from "commander";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { formatBytes } from "../support/output.ts";

const notes = `
An open upload is a blob that a client has not sent completely. The registry
keeps its bytes for limits.uploadExpiry (7d) after the last request, so that the
client can continue. Delete an upload if you need its disk space earlier.
`;

/** `berth upload list|delete`: open uploads. */
export function uploadCommand(): Command {
  const command = new Command("upload")
    .description("list and delete open uploads")
    .addHelpText("after", notes);
  return group(command, [
    dataFolderCommand("list", "list open uploads, the longest idle first").action(list),
    dataFolderCommand("delete", "delete an upload and its bytes")
      .argument("<id>", "the id in the output of list")
      .action(remove),
  ]);
}

const listedAtMost = 1_000_000;

function list(options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const store = await context.store();
    const { uploads } = await context.database();
    for (const row of await uploads.idleSince(Infinity, listedAtMost)) {
      const { id, repository } = row;
      const bytes = await store.uploadSize(row.storage_reference);
      const touchedAt = new Date(row.touched_at).toISOString();
      say(
        { id, repository, bytes, touchedAt },
        `${id}  ${repository}  ${formatBytes(bytes)}  last used ${touchedAt}`,
      );
    }
  });
}

/** Ends an upload and deletes its bytes; its client gets BLOB_UPLOAD_UNKNOWN. */
function remove(id: string, options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const store = await context.store();
    const database = await context.database();
    const row = await database.uploads.find(id);
    if (row === undefined)
      throw new CliError(`there is no upload ${id}; "berth upload list" lists all`);
    // The bytes first: on a full disk the change of the row needs their space.
    await store.abort(row.storage_reference);
    await database.commands.endUpload({ id });
    say({ id, deleted: true }, `deleted ${id}`);
  });
}
