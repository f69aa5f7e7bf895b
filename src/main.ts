#!/usr/bin/env node
import process from "node:process";
import { CommanderError } from "commander";
import { ConfigError, reasonOf } from "./config/problems.ts";
import { printableLine } from "./observability/printable.ts";
import { CliError } from "./cli/support/failure.ts";
import { printError } from "./cli/support/output.ts";
import { createProgram } from "./cli/program.ts";

/*
 * Exit codes: 0 all is well, 1 a failure, 2 a wrong command line or configuration, 128 + n ended by a second signal n.
 * What a command answers goes to standard output, everything else to standard error.
 */

// The S3 SDK tells everybody on Node 20 to take a newer one; which of its versions runs here is our lock file's business.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

// Database, keys and blobs are for the user that runs Berth, whatever the shell or the service manager has set.
process.umask(0o077);

// `berth config print | head -1` is no failure: the reader has all that it wanted.
// A server goes on without its output.
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

/** Says what went wrong, unless commander has said it already. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) {
    printError(`${error.message}\n`);
    return 2;
  }
  if (!(error instanceof CliError)) throw error;
  printError(`berth: ${printableLine(error.message)}\n`);
  return 1;
}
