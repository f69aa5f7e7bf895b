import process from "node:process";
import { Command } from "commander";
import { loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Copied, StoreCopy } from "../../app/maintenance.ts";
import {
  dataFolderCommand,
  withDataFolder,
  type DataFolderOptions,
} from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { createOutput, createProgress, formatBytes, type Output } from "../support/output.ts";

interface Options extends DataFolderOptions {
  readonly to: string;
  readonly keepSource?: true;
}

const notes = `
The storage.* keys of the other file say where to; its data is a folder of blobs only where its driver is
filesystem. Environment variables count for the store that is copied from, not for the other.

To move a registry: copy while the server runs, stop it, copy again (only what is new is sent), start it
with the other storage.* keys and the same database. A copy that is whole, made while no server runs, marks
the store that was copied from as moved: nothing starts on it any more. --keep-source leaves that out, and
copying back makes it usable again. Every blob's digest is computed on the way. Exit code 1
when a blob could not be copied.
`;

/** `berth storage copy`: to another driver, bucket or folder. */
export function storageCommand(): Command {
  const copyCommand = dataFolderCommand("copy", "copy every blob to another store")
    .requiredOption("--to <file>", "YAML file with the storage to copy to")
    .option("--keep-source", "leave the store as it is: the copy is a backup, not a move")
    .addHelpText("after", notes)
    .action(copy);
  return new Command("storage").description("move blobs between stores").addCommand(copyCommand);
}

async function copy(options: Options): Promise<void> {
  const loaded = await loadConfig({ configFile: options.to, env: {} });
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  await withDataFolder(options, async (maintenance, { data, storage }) => {
    const other = loaded.config;
    if (other.storage.driver === "memory" || storage.driver === "memory")
      throw new CliError("blobs in memory end with their process: there is nothing to copy");
    if (
      other.storage.driver === "filesystem" &&
      storage.driver === "filesystem" &&
      other.data === data
    )
      throw new CliError(`${options.to} names the folder that is copied from`);
    const transfer = await maintenance.openCopy(other);
    try {
      await report(transfer, createOutput(options), {
        bytes: (await maintenance.counts()).bytes,
        keepsSource: options.keepSource === true,
      });
    } finally {
      await transfer.close();
    }
  });
}

/** Runs the copy, reports its result, and marks the source as moved when the target has all blobs. */
async function report(
  { steps, isServed, markSourceMoved }: StoreCopy,
  output: Output,
  { bytes, keepsSource }: { readonly bytes: number; readonly keepsSource: boolean },
): Promise<void> {
  const progress = createProgress("copying", bytes);
  const sum = { copied: 0, bytes: 0, there: 0, failed: 0 };
  for await (const { blob, state, error } of refusals(steps)) {
    progress.advance(blob.sizeBytes);
    if (state === "gone") continue;
    sum[state] += 1;
    if (state === "copied") sum.bytes += blob.sizeBytes;
    if (state !== "failed") continue;
    const { digest } = blob;
    const text = `failed: ${digest}: ${String(error)}`;
    progress.pause(() => output.say({ kind: "finding", digest, state }, text));
  }
  progress.end();
  const text = `copied ${sum.copied} blobs, ${formatBytes(sum.bytes)}; ${sum.there} were there already; ${sum.failed} failed`;
  output.say({ kind: "sum", ...sum }, text);
  if (sum.failed > 0) process.exitCode = 1;
  if (sum.failed > 0 || keepsSource) return;
  if (!isServed) await markSourceMoved();
  output.say(
    { kind: "move", finished: !isServed },
    isServed
      ? "a server runs: stop it and copy again to finish the move"
      : "start Berth with the other storage keys: nothing starts on this store any more",
  );
}

/** Turns the error of a target that must not be written into one line. */
async function* refusals(steps: AsyncIterable<Copied>): AsyncGenerator<Copied> {
  try {
    yield* steps;
  } catch (error) {
    if (error instanceof Error && error.name === "MismatchError")
      throw new CliError(error.message, { cause: error });
    throw error;
  }
}
