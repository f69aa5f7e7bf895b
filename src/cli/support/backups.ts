import { readFile } from "node:fs/promises";
import path from "node:path";
import { openBackupTarget } from "../../app/backup-target.ts";
import { demandConfig } from "../../config/load.ts";
import { reasonOf } from "../../config/problems.ts";
import type { Config } from "../../config/schema.ts";
import type { BackupTarget } from "../../maintenance/backup/target.ts";
import { CliError, UsageError, workFailure } from "./failure.ts";
import type { DataFolderOptions } from "./options.ts";
import { createSay, type Say } from "./output.ts";

export interface BackupOptions extends DataFolderOptions {
  readonly s3?: string;
}

/** Opens the place of a backup with the settings of a configuration, and closes it after `work`. */
export async function withTarget<T>(
  { location, s3, config }: { readonly location: string; readonly s3?: string; config: Config },
  isNewAllowed: boolean,
  work: (target: BackupTarget) => Promise<T>,
): Promise<T> {
  const settings = await s3SettingsOf(s3, config);
  try {
    const target = await openBackupTarget({ location, s3: settings, isNewAllowed });
    try {
      return await work(target);
    } finally {
      await target.close();
    }
  } catch (error) {
    throw namingBackup(error, location);
  }
}

/** `storage.s3` of the configuration file of `--s3`; without it, of the registry. */
export const s3SettingsOf = async (
  file: string | undefined,
  config: Config,
): Promise<Config["storage"]["s3"]> =>
  (file === undefined ? config : (await demandConfig({ configFile: file, env: {} })).config).storage
    .s3;

/** An error of a file of the backup names the backup, and not the data folder. */
function namingBackup(error: unknown, location: string): unknown {
  const file = error instanceof Error && "path" in error ? error.path : undefined;
  if (typeof file !== "string") return error;
  const folder = path.resolve(location);
  if (file !== folder && !file.startsWith(`${folder}${path.sep}`)) return error;
  return new CliError(`cannot use the backup ${location}: ${file}: ${reasonOf(error)}`, {
    cause: error,
  });
}

/** Opens an existing backup, without a registry. A failure becomes one line. */
export async function withBackup(
  location: string,
  options: BackupOptions,
  work: (target: BackupTarget, say: Say, config: Config) => Promise<void>,
): Promise<void> {
  const { config: configFile, data, s3 } = options;
  const { config } = await demandConfig({ configFile, flags: data === undefined ? {} : { data } });
  const place = { location, config, ...(s3 !== undefined && { s3 }) };
  try {
    await withTarget(place, false, (target) => work(target, createSay(options), config));
  } catch (error) {
    throw workFailure(error, config);
  }
}

/** The first line of the file of `--passphrase-file`. Throws UsageError. */
export async function readPassphrase(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  const [passphrase = ""] = text.split(/\r?\n/);
  if (passphrase === "")
    throw new UsageError(`the first line of ${file} is empty: it is the passphrase`);
  return passphrase;
}
