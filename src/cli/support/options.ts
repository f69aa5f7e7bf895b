import { Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../config/quantities.ts";
import { UsageError } from "./failure.ts";

/*
 * The kinds of command, with the options that all of a kind have, and the parsers of arguments that several have.
 */

export interface DataFolderOptions {
  readonly config?: string;
  readonly data?: string;
  readonly json?: true;
}

/** A command that works on a data folder, also while a server runs on it. */
export function dataFolderCommand(name: string, description: string): Command {
  return withFolder(new Command(name).description(description)).option("--json", json);
}

/** Adds the options that name the configuration file and the data folder. */
export function withFolder(command: Command): Command {
  return withConfigFile(command).option("--data <folder>", "the data folder (default: ./data)");
}

export function withConfigFile(command: Command): Command {
  return command.option("--config <file>", "the configuration file, in YAML (BERTH_CONFIG)");
}

/** A command on a data folder, or with `--host` on a running server. */
export interface ServerOptions extends DataFolderOptions {
  readonly host?: string;
  readonly login?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly insecure?: true;
}

/**
 * A command that works on a data folder, also while a server runs on it, or with `--host` on a running server by its
 * API.
 */
export const serverCommand = (name: string, description: string): Command =>
  dataFolderCommand(name, description)
    .option("--host <url>", "a running server in place of a data folder")
    .option("--login <user>", "with --host: an administrator (default: as docker login)")
    .option("--password-file <file>", "with --login: the first line is the password")
    .addOption(caOption())
    .addOption(insecureOption());

export interface RemoteOptions {
  readonly host?: string;
  /** The name gave the host, which may be the namespace of a mirror. */
  readonly isHostOfName?: boolean;
  readonly login?: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly insecure?: true;
  readonly json?: true;
  readonly limit?: string;
}

/** A command that calls a server; by default the one on this machine. */
export function remoteCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option(
      "--host <url>",
      `the server, as for docker login (default: BERTH_HOST, or ${localServer})`,
    )
    .addOption(caOption())
    .addOption(insecureOption())
    .option("--json", json);
}

/** The server of a command that names none. */
export const localServer = "localhost:5000";

const caOption = (): Option =>
  new Option("--ca <file>", "PEM certificates that the server's may be signed with");
const insecureOption = (): Option =>
  new Option("--insecure", "do not verify the certificate of the server");

/**
 * The server and the name on it: `HOST/team/app` has both, as for docker. A first component with a dot is the namespace
 * of a mirror if `--host` names the server.
 */
export function locate<O extends RemoteOptions>(
  options: O,
  text: string,
): { readonly options: O; readonly name: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(0, slash));
  const isHost =
    first === "localhost" ||
    /:\d+$/.test(first) ||
    (first.includes(".") && options.host === undefined);
  if (!isHost) return { options, name: text };
  if (options.host !== undefined && options.host !== first)
    throw new UsageError(`${text} and --host ${options.host} name two servers`);
  const isHostOfName = options.host === undefined && !first.includes(":");
  return { options: { ...options, host: first, isHostOfName }, name: text.slice(slash + 1) };
}

const json = "print one JSON object per line, for programs";

/** A command that only groups other commands. */
export function group(command: Command, commands: readonly Command[]): Command {
  for (const inner of commands) command.addCommand(inner);
  return command;
}

/** `team/app:1.4` */
export function parseImage(text: string): { readonly name: string; readonly tag: string } {
  const at = text.lastIndexOf(":");
  if (at <= 0 || text.includes("/", at))
    throw new UsageError(`${text} has no tag: write it as name:tag, such as team/app:1.4`);
  return { name: text.slice(0, at), tag: text.slice(at + 1) };
}

/** `--limit` as a number. */
export function limitOf({ limit }: RemoteOptions): { readonly limit?: number } {
  if (limit === undefined) return {};
  if (!/^[1-9]\d{0,8}$/.test(limit))
    throw new UsageError(`--limit must be a whole number above 0, not ${limit}`);
  return { limit: Number(limit) };
}

/** Parses `90d` (from now) or a date. Returns milliseconds since the epoch. */
export function parseFuture(text: string): number {
  return parseDate(text, 1);
}

/** Parses `7d` (before now) or a date. Returns milliseconds since the epoch. */
export function parsePast(text: string): number {
  return parseDate(text, -1);
}

function parseDate(text: string, direction: 1 | -1): number {
  const duration = parseDuration(text);
  if (duration !== undefined) return Date.now() + direction * duration;
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date))
    throw new InvalidArgumentError("Allowed: 30s, 5m, 24h, 7d, or a date such as 2027-01-31.");
  return date;
}
