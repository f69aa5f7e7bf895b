import { stat } from "node:fs/promises";
import process from "node:process";
import { Command } from "commander";
import type { ServerApp } from "../../app/assemble.ts";
import { loadConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import { warningsOf } from "../../config/rules.ts";
import type { Config } from "../../config/schema.ts";
import type { Flags } from "../../config/settings.ts";
import { createLogger, type Logger } from "../../observability/logger.ts";
import type { RunningServer } from "../../server/start-server.ts";
import { startFailure } from "../support/failure.ts";
import { print } from "../support/output.ts";
import { version } from "../support/version.ts";
import { startupBanner } from "../support/startup-banner.ts";

interface Options {
  readonly config?: string;
  readonly data?: string;
  readonly listen?: string;
  readonly open?: true;
}

const notes = `
The folder of the data is made if it does not exist. Ctrl+C or SIGTERM lets running uploads and
downloads end for as long as limits.drainTimeout says (30s), a second one ends at once with exit code
128 + n. SIGHUP reads the TLS certificate again. "berth config --help" lists all settings.
`;

/** `berth serve`: runs until a signal ends it. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("run the registry")
    .option("--config <file>", "YAML file to read (BERTH_CONFIG)")
    .option("--data <folder>", "folder of the data (default: ./data)")
    .option(
      "--listen <host:port>",
      "where to listen, port 0 takes a free one (default: 127.0.0.1:5000)",
    )
    .option("--open", "no accounts: everybody may pull, push and delete")
    .addHelpText("after", notes)
    .action(serve);
}

async function serve(options: Options): Promise<void> {
  const loaded = await loadConfig({ configFile: options.config, flags: flagsOf(options) });
  if (!loaded.ok) throw new ConfigError(loaded.problems);

  const { config } = loaded;
  const logger = createLogger(config.log);
  const { server, administrator } = await start(config, logger);
  await warnIfReadable(config.data, logger);
  for (const warning of warningsOf(config)) logger.warn(warning);
  if (config.auth.open) {
    logger.warn("open mode: everybody who can reach this address may pull, push and delete");
  }
  const { url, port } = server;
  print(startupBanner({ version: version(), url, port, config, administrator }));

  const code = await server.ended;
  process.exitCode = code;
  // A resource that could not be closed keeps the process alive.
  if (code !== 0) process.exit();
}

/** Berth creates files for its own user only. Warns if other users may read an existing data folder. */
async function warnIfReadable(data: string, logger: Logger): Promise<void> {
  const { mode } = await stat(data);
  if ((mode & 0o007) === 0) return;
  logger.warn(
    { data, mode: (mode & 0o777).toString(8) },
    `other users of this machine may read the data folder: chmod -R o-rwx ${data}`,
  );
}

interface Started extends Pick<ServerApp, "administrator"> {
  readonly server: RunningServer;
}

async function start(config: Config, logger: Logger): Promise<Started> {
  try {
    // Loaded here, so that other commands start without these modules.
    const { openServerApp, openSharedServices } = await import("../../app/assemble.ts");
    if (config.workers === 1) {
      const { startServer } = await import("../../server/start-server.ts");
      const app = await openServerApp(config, logger);
      return await orClose(app, () => startServer(config, app, logger));
    }
    const { startWorkers } = await import("../../server/cluster/primary.ts");
    const owner = await openSharedServices(config, logger);
    return await orClose(owner, () => startWorkers(owner, config, logger));
  } catch (error) {
    logger.debug({ err: error }, "start failed");
    throw startFailure(error, config);
  }
}

/** Starts to listen; if that fails, closes the opened parts. */
async function orClose(
  { administrator, close }: Pick<ServerApp, "administrator" | "close">,
  listen: () => Promise<RunningServer>,
): Promise<Started> {
  try {
    return { server: await listen(), administrator };
  } catch (error) {
    await close();
    throw error;
  }
}

function flagsOf({ data, listen, open }: Options): Flags {
  const given = { data, listen, "auth.open": open };
  return Object.fromEntries(
    Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
