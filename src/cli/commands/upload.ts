import { Command } from "commander";
import type { AppContext } from "../../app/context.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { formatBytes, orNone } from "../support/output.ts";

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

const listedAtOnce = 500;

function list(options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const uploads = orNone(uploadsIn(await openUploads(context)), "no open uploads");
    for await (const { id, repository, bytes, touchedAtMs } of uploads) {
      const touchedAt = new Date(touchedAtMs).toISOString();
      say(
        { id, repository, bytes, touchedAt },
        `${id}  ${repository}  ${formatBytes(bytes)}  last used ${touchedAt}`,
      );
    }
  });
}

async function* uploadsIn(uploads: Awaited<ReturnType<typeof openUploads>>) {
  for (let offset = 0; ; offset += listedAtOnce) {
    const page = await uploads.list({ limit: listedAtOnce, offset });
    yield* page;
    if (page.length < listedAtOnce) return;
  }
}

async function openUploads(context: AppContext) {
  const { createOpenUploads } = await import("../../registry/uploads/open-uploads.ts");
  return createOpenUploads({ store: await context.store(), database: await context.database() });
}

/** Ends an upload and deletes its bytes; its client gets BLOB_UPLOAD_UNKNOWN. */
function remove(id: string, options: DataFolderOptions): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    if (!(await (await openUploads(context)).delete(id)))
      throw new CliError(`there is no upload ${id}; "berth upload list" lists all`);
    say({ id, deleted: true }, `deleted ${id}`);
  });
}
