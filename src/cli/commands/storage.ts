import process from "node:process";
import { Command } from "commander";
import type { BlobStore } from "../../../storage/blob-store.ts";
import type { AppContext } from "../../app/context.ts";
import { demandConfig } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/options.ts";
import { createProgress, formatBytes, type Say } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly to: string;
  readonly keepSource?: true;
}

const notes = `
The storage.* keys in the file of --to describe the target. Its data key counts
only for the driver filesystem. Environment variables count for the source, not
for the target.

To move a registry: copy while the server runs, stop the server, copy again
(this copies only new blobs), then start it with the storage keys of the target
and the same database. A complete copy without a running server marks the source
as moved: no server starts on it any more, until the blobs are copied back.
--keep-source does not mark it. The digest of every blob is verified. The exit
code is 1 if a blob could not be copied.
`;

/** `berth storage copy`: to another driver, bucket or folder. */
export function storageCommand(): Command {
  const copyCommand = dataFolderCommand("copy", "copy all blobs to another store")
    .requiredOption("--to <file>", "a configuration file with the storage keys of the target")
    .option("--keep-source", "do not mark the source as moved: the copy is a backup")
    .addHelpText("after", notes)
    .action(copy);
  return new Command("storage").description("copy blobs between stores").addCommand(copyCommand);
}

async function copy(options: Options): Promise<void> {
  const { config: target } = await demandConfig({ configFile: options.to, env: {} });
  await withDataFolder(options, async (context, say) => {
    demandCopyable(context.config, target, options.to);
    const { createServedCheck, openStore } = await import("../../app/data-folder.ts");
    const isServed = await createServedCheck(context);
    const to = await openStore(target);
    context.onClose(() => to.close());
    const isWhole = await copyTo(context, to, say);
    if (!isWhole) process.exitCode = 1;
    else if (options.keepSource !== true) await finishMove(context, await isServed(), say);
  });
}

function demandCopyable(source: Config, target: Config, file: string): void {
  const drivers = [source.storage.driver, target.storage.driver];
  if (drivers.includes("memory"))
    throw new CliError(
      "blobs in memory cannot be copied: both configurations need storage.driver filesystem or s3",
    );
  if (drivers.every((driver) => driver === "filesystem") && target.data === source.data)
    throw new CliError(`${file} names the source folder: set its data key to another folder`);
}

/** Copies all blobs and prints the result. False if a blob could not be copied. */
async function copyTo(context: AppContext, to: BlobStore, say: Say): Promise<boolean> {
  const { copyBlobs } = await import("../../maintenance/storage-copy.ts");
  const database = await context.database();
  const progress = createProgress("copying", (await database.maintenance.counts()).bytes);
  const sum = { copied: 0, bytes: 0, there: 0, failed: 0 };
  for await (const step of copyBlobs({ from: await context.store(), to, database })) {
    const { blob, state, error } = step;
    progress.advance(blob.sizeBytes);
    if (state === "gone") continue;
    sum[state] += 1;
    if (state === "copied") sum.bytes += blob.sizeBytes;
    if (state !== "failed") continue;
    const { digest } = blob;
    const text = `failed: ${digest}: ${String(error)}`;
    progress.pause(() => say({ kind: "finding", digest, state }, text));
  }
  progress.end();
  const text = `copied ${sum.copied} blobs, ${formatBytes(sum.bytes)}; ${sum.there} were copied before; ${sum.failed} failed`;
  say({ kind: "sum", ...sum }, text);
  return sum.failed === 0;
}

/** Marks the source as moved, unless a server runs on it. */
async function finishMove(context: AppContext, isServed: boolean, say: Say): Promise<void> {
  if (!isServed) {
    const { markStoreMoved } = await import("../../maintenance/storage-copy.ts");
    await markStoreMoved({ store: await context.store(), database: await context.database() });
  }
  say(
    { kind: "move", finished: !isServed },
    isServed
      ? "a server runs: stop it and copy again to finish the move"
      : "start Berth with the storage keys of the target: no server starts on the source any more",
  );
}
