#!/usr/bin/env node
import process from "node:process";
import { CommanderError } from "commander";
import { ConfigError, reasonOf } from "./config/problems.ts";
import { printableLine } from "./observability/printable.ts";
import { CliError, UsageError } from "./cli/support/failure.ts";
import { printError } from "./cli/support/output.ts";
import { createProgram } from "./cli/program.ts";

/*
 * Exit codes: 0 success, 1 a failure, 2 a wrong command line or configuration, 128 + n ended by a second signal n.
 * The results of a command go to standard output, everything else to standard error.
 */

// The S3 SDK warns on Node 20 that its later versions need Node 22; package-lock.json has a version that runs here.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

// Only the user that runs Berth may read the database, the keys and the blobs, whatever the shell's umask is.
process.umask(0o077);

// EPIPE is not a failure: the reader of `berth config print | head -1` has ended. A server continues without its output.
process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  process.stdout.on("error", () => undefined);
  if (error.code === "EPIPE") return;
  printError(`berth: cannot write the output: ${reasonOf(error)}\n`);
  process.exitCode = 1;
});
process.stderr.on("error", () => undefined);

try {
  await createProgram().parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** Prints the error, unless commander has printed it. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    printError(`${error.message}\n`);
    return 2;
  }
  if (!(error instanceof CliError)) throw error;
  printError(`berth: ${printableLine(error.message)}\n`);
  return error instanceof UsageError ? 2 : 1;
}
