import { Command } from "commander";
import { loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Config } from "../../config/schema.ts";
import type { Maintenance } from "../../app/maintenance.ts";
import { CliError, startFailure, workFailure } from "./failure.ts";

export interface DataFolderOptions {
  readonly config?: string;
  readonly data?: string;
  readonly json?: true;
}

/** A command that works on a data folder, also while a server runs on it. */
export function dataFolderCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--config <file>", "YAML file to read (BERTH_CONFIG)")
    .option("--data <folder>", "folder of the data (default: ./data)")
    .option("--json", "one JSON object a line, for programs");
}

/** Opens the folder, runs `work`, and closes the folder. A failure becomes one line. */
export function withDataFolder<T>(
  options: DataFolderOptions,
  work: (maintenance: Maintenance, config: Config) => Promise<T>,
): Promise<T> {
  const open = async (config: Config): Promise<Maintenance> =>
    (await import("../../app/maintenance.ts")).openMaintenance(config);
  return withOpened(options, open, work);
}

interface Closable {
  close(): Promise<void>;
}

async function closingAfter<T>(root: Closable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await root.close();
  }
}

/** Errors of opening that are shown with their message only. */
const openingErrors = new Set([
  ...["NoRegistryError", "OwnerError", "FolderInUseError", "MismatchError"],
]);

/** Runs `work`. An error with one of the names becomes a {@link CliError} with the same message. */
export async function refusing(
  names: ReadonlySet<string>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isRefused = error instanceof Error && names.has(error.name);
    if (isRefused) throw new CliError(error.message, { cause: error });
    throw error;
  }
}

/** {@link withDataFolder} for any composition root. */
export async function withOpened<Root extends Closable, T>(
  { config: configFile, data }: DataFolderOptions,
  open: (config: Config) => Promise<Root>,
  work: (root: Root, config: Config) => Promise<T>,
): Promise<T> {
  const loaded = await loadConfig({ configFile, flags: data === undefined ? {} : { data } });
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  const { config } = loaded;
  let root: Root;
  try {
    await (await import("../../app/data-folder.ts")).demandOwner(config);
    root = await open(config);
  } catch (error) {
    if (error instanceof Error && openingErrors.has(error.name))
      throw new CliError(error.message, { cause: error });
    throw startFailure(error, config);
  }
  try {
    return await closingAfter(root, () => work(root, config));
  } catch (error) {
    throw workFailure(error, config);
  }
}
