import process from "node:process";
import { formatListenAddress } from "../../config/addresses.ts";
import { reasonOf } from "../../config/problems.ts";
import type { Config } from "../../config/schema.ts";

/** Ends a command with exit code 1. The output is the message, in one line. */
export class CliError extends Error {
  override readonly name = "CliError";
}

/** A wrong command line that only the command could find: exit code 2. */
export class UsageError extends CliError {}

type Place = Pick<Config, "listen" | "data"> & {
  readonly database: Pick<Config["database"], "url">;
};

/** The reason why a server did not start, in one line, with a remedy if one is known. */
export function startFailure(error: unknown, config: Place): CliError {
  const { code, syscall, path, message } = detailsOf(error);
  const address = formatListenAddress(config.listen);
  const listening: Record<string, string> = {
    EADDRINUSE: `${address} is already in use; stop the other server or choose another address with --listen${airPlay(config)}`,
    EACCES: `no permission to listen on ${address}; ports below 1024 need a privilege`,
    EADDRNOTAVAIL: `${address} is not an address of this machine`,
    ENOTFOUND: `${address}: no such host`,
    EAI_AGAIN: `${address}: the host name cannot be looked up at the moment`,
  };
  if (["listen", "bind", "getaddrinfo"].includes(syscall)) {
    return new CliError(listening[code] ?? `cannot listen on ${address}: ${message}`, {
      cause: error,
    });
  }
  if (code === "EMFILE")
    return new CliError("too many open files: a process of Berth needs 64 of them (ulimit -n)", {
      cause: error,
    });
  if (path !== undefined) {
    const where = path === config.data ? "" : `: ${path}`;
    return new CliError(`cannot use the data folder ${config.data}${where}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (code.startsWith("SQLITE_")) {
    return new CliError(
      `cannot use the database in ${config.data}: ${databaseReason(code, message)}`,
      {
        cause: error,
      },
    );
  }
  if (isOfDatabase(error)) {
    const place = config.database.url === undefined ? `in ${config.data}` : "of database.url";
    return new CliError(`cannot use the database ${place}: ${message}`, { cause: error });
  }
  return new CliError(`cannot start: ${message}`, { cause: error });
}

/** macOS listens on port 5000 for AirPlay. */
const airPlay = ({ listen }: Pick<Config, "listen">): string =>
  process.platform === "darwin" && listen.port === 5000
    ? ", or turn AirPlay Receiver off in the settings of macOS"
    : "";

/**
 * Errors whose message tells users what is wrong. They are known by name, so that the command line does not load their
 * modules.
 */
const errorsForUsers = new Set([
  "NoRegistryError",
  "OwnerError",
  "FolderInUseError",
  "MismatchError",
  "KeySecretError",
  "OciError",
  "AccountError",
  "MirrorError",
  "NoMirrorError",
  "WebhookError",
  "SecretError",
  "DatabaseCopyError",
  "CopyError",
  "BackupError",
  "ImportError",
  "ExportError",
  "JobError",
]);

/** A DatabaseError without a code of SQLite: of PostgreSQL, or about migrations. */
const isOfDatabase = (error: unknown): boolean =>
  error instanceof Error &&
  error.name === "DatabaseError" &&
  !detailsOf(error).code.startsWith("SQLITE_");

const isForUsers = (error: unknown): error is Error =>
  error instanceof Error && errorsForUsers.has(error.name);

/** The reason why a command could not open the data folder, in one line. */
export function openFailure(error: unknown, config: Place): CliError {
  return isForUsers(error)
    ? new CliError(error.message, { cause: error })
    : startFailure(error, config);
}

const expectedCodes = /^(?:SQLITE_|S3_|WRITER_GONE$|E[A-Z0-9]+$)/;

/**
 * The reason why a command on a data folder failed, in one line, for rejections and for errors of the disk, the database
 * or the store. Any other error is a bug of the program and is returned unchanged, with its stack.
 */
export function workFailure(error: unknown, config: Place): unknown {
  const { code, path, message } = detailsOf(error);
  if (isForUsers(error)) return new CliError(error.message, { cause: error });
  if (isOfDatabase(error)) return startFailure(error, config);
  if (error instanceof CliError || !expectedCodes.test(code)) return error;
  if (path !== undefined || code.startsWith("SQLITE_")) return startFailure(error, config);
  return new CliError(`${reasonOf(error)} (${message})`, { cause: error });
}

function databaseReason(code: string, message: string): string {
  const known = message === code ? code : `${message} (${code})`;
  if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(code))
    return `it is damaged; restore a backup. SQLite says: ${known}`;
  if (code.startsWith("SQLITE_FULL"))
    return `the disk is full; free some of it, for example with "berth gc --now" or "berth upload delete"`;
  return known;
}

interface Details {
  readonly code: string;
  readonly syscall: string;
  readonly path: string | undefined;
  /** In one line. */
  readonly message: string;
}

/** The fields of an error. An error of a worker thread may be a plain object that has only a code. */
function detailsOf(error: unknown): Details {
  const given: Partial<Record<string, unknown>> = typeof error === "object" ? { ...error } : {};
  const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
  const code = textOf(given["code"]);
  const message = error instanceof Error ? error.message : textOf(given["message"]);
  return {
    code,
    syscall: textOf(given["syscall"]),
    path: textOf(given["path"]) || undefined,
    message: message.replaceAll(/\s*\n\s*/g, " ") || code || "unknown error",
  };
}

/** There is no answer of a Berth server at the address: another server, or none. */
export class NoBerthServerError extends CliError {}
