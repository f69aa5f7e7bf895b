import { stat } from "node:fs/promises";
import process from "node:process";
import { Command } from "commander";
import type { Administrator } from "../../app/server-app.ts";
import { formatListenAddress } from "../../config/addresses.ts";
import { demandConfig, loadConfig, type Flags, type LoadedConfig } from "../../config/load.ts";
import { takeActivation } from "../../config/sources.ts";
import { warningsOf } from "../../config/rules.ts";
import type { Config } from "../../config/schema.ts";
import { createLogger, type Logger } from "../../observability/logger.ts";
import type { ReloadedSettings } from "../../server/reload.ts";
import type { RunningServer } from "../../server/start-server.ts";
import { startFailure } from "../support/failure.ts";
import { withFolder } from "../support/options.ts";
import { print } from "../support/output.ts";

interface Options {
  readonly config?: string;
  readonly data?: string;
  readonly listen?: string;
  readonly open?: true;
}

const notes = `
The server creates the data folder if it does not exist. After Ctrl+C or SIGTERM
it lets running uploads and downloads finish for limits.drainTimeout (30s). A
second signal ends it at once, with exit code 130 (Ctrl+C) or 143 (SIGTERM).
SIGHUP makes it read the TLS certificate, the mirrors, the limits and log.level
again, and log which other settings need a restart. "berth config --help" lists
all settings.
`;

/** `berth serve`: runs until a signal ends it. */
export function serveCommand(version: string): Command {
  return withFolder(new Command("serve"))
    .description("run the registry server")
    .option(
      "--listen <address>",
      "HOST:PORT or unix:PATH; port 0 is any free port (default: 127.0.0.1:5000)",
    )
    .option("--open", "no accounts: everyone may pull, push and delete")
    .addHelpText("after", notes)
    .action((options: Options) => serve(options, version));
}

async function serve(options: Options, version: string): Promise<void> {
  const input = { configFile: options.config, flags: flagsOf(options) };
  const activate = withActivation(takeActivation(process.pid));
  const config = activate((await demandConfig(input)).config);
  const logger = createLogger(config.log);
  const { server, administrator } = await start(config, logger, async () => {
    const loaded = await loadConfig(input);
    return loaded.ok ? { ...loaded, config: activate(loaded.config) } : loaded;
  });
  const { hasDataFolder } = await import("../../app/data-folder.ts");
  if (hasDataFolder(config)) await warnIfReadable(config.data, logger);
  for (const warning of warningsOf(config)) logger.warn(warning);
  if (config.auth.open)
    logger.warn("open mode: everyone who can reach this address may pull, push and delete");
  const { url, port } = server;
  const program = programOf(process.env);
  print(startupBanner({ version, program, url, port, config, administrator }));

  const code = await server.ended;
  process.exitCode = code;
  // A resource that could not be closed keeps the process alive.
  if (code !== 0) process.exit();
}

/** Adds the descriptor of a service manager that listens already (socket activation). */
const withActivation =
  (fd: number | undefined) =>
  (config: Config): Config =>
    fd === undefined ? config : { ...config, listen: { ...config.listen, fd } };

function flagsOf({ data, listen, open }: Options): Flags {
  const given = { data, listen, "auth.open": open };
  return Object.fromEntries(
    Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

interface Started {
  readonly server: RunningServer;
  readonly administrator: Administrator | undefined;
}

async function start(
  config: Config,
  logger: Logger,
  load: () => Promise<LoadedConfig>,
): Promise<Started> {
  try {
    // Loaded here, so that other commands start without these modules.
    const { checkAddresses, checkFiles } = await import("../../server/preflight.ts");
    // Before a data folder is created: a failed start leaves nothing behind.
    await checkFiles(config);
    await checkAddresses(config);
    // In two steps, because Node opens all files of an import at once, and a process may have only 64 descriptors.
    await import("../../app/context.ts");
    const { openServerApp, openSharedServices } = await import("../../app/server-app.ts");
    if (config.workers === 1) {
      const { startServer } = await import("../../server/start-server.ts");
      const { createReload } = await import("../../server/reload.ts");
      const app = await openServerApp(config, logger);
      const apply = async ({ limits, level, mirrors }: ReloadedSettings): Promise<void> => {
        logger.level = level;
        app.setLimits(limits);
        await app.setMirrors(mirrors);
      };
      const reload = createReload({ config, load, logger, apply });
      const server = await orClose(app, () => startServer(config, app, logger, { reload }));
      return { server, administrator: app.administrator };
    }
    const { startWorkers } = await import("../../server/cluster/primary.ts");
    const owner =
      config.database.url === undefined ? await openSharedServices(config, logger) : undefined;
    const server = await orClose(owner, () => startWorkers(owner, config, logger, load));
    return { server, administrator: server.administrator };
  } catch (error) {
    logger.debug({ err: error }, "start failed");
    throw startFailure(error, config);
  }
}

/** Starts to listen; if that fails, closes the opened parts. */
async function orClose<T>(
  opened: { close(): Promise<void> } | undefined,
  listen: () => Promise<T>,
): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    await opened?.close();
    throw error;
  }
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

interface StartupBannerInput {
  readonly version: string;
  /** The name of this command on the command line. */
  readonly program: string;
  /** The actual URL of the server; scripts read it from the first line. */
  readonly url: string;
  readonly port: number;
  readonly config: Pick<Config, "listen" | "publicUrl" | "data"> & {
    readonly database: Pick<Config["database"], "url">;
  };
  /** `undefined` in open mode, where no account is needed. */
  readonly administrator: Administrator | undefined;
}

/** The output of `berth serve` when it listens: one line with the URL, and the commands that push a first image. */
export function startupBanner({
  version,
  program,
  url,
  port,
  config,
  administrator,
}: StartupBannerInput): string {
  const host = registryHost(config, port);
  const image =
    administrator === undefined ? `${host}/alpine` : `${host}/${administrator.name}/alpine`;
  const login =
    administrator === undefined ? [] : [`docker login -u ${administrator.name} ${host}`];
  const commands = [
    ...login,
    "docker pull alpine",
    `docker tag alpine ${image}`,
    `docker push ${image}`,
  ];
  const data = config.database.url === undefined ? config.data : "PostgreSQL";
  return `Berth ${version} listens on ${url} (data in ${data}).${passwordStep(program, administrator, config)}Push a first image:

${commandLines(commands)}
`;
}

/** The command that sets the first password; it reads the password from the terminal or from standard input. */
function passwordStep(
  program: string,
  administrator: StartupBannerInput["administrator"],
  { data, database }: StartupBannerInput["config"],
): string {
  if (administrator === undefined || administrator.hasPassword) return " ";
  const { name } = administrator;
  const folder = /^[\w./-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`;
  // Beside a replica the command has the same configuration.
  const where = database.url === undefined ? ` --data ${folder}` : "";
  return `

The administrator ${name} has no password yet. Set one in another terminal, or inside the container:

${commandLines([`${program} user password ${name}${where}`])}
`;
}

/** How the user runs Berth: `npm start` in a clone, and npx, leave no `berth` on the PATH. */
export const programOf = ({ npm_lifecycle_event: event = "" }: NodeJS.ProcessEnv): string =>
  ["dev", "npx", "start"].includes(event) ? "npx berth" : "berth";

const commandLines = (commands: readonly string[]): string =>
  commands.map((command) => `  ${command}\n`).join("");

/**
 * The host in image names: that of the public URL, else the host under which this machine reaches the server.
 * `localhost` instead of the loopback address, because go-containerregistry 0.21.5 rejects a token realm whose host is
 * an IP address.
 */
function registryHost({ listen, publicUrl }: StartupBannerInput["config"], port: number): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host;
  const isLocalhost = ["", "0.0.0.0", "::", "127.0.0.1", "::1"].includes(listen.host);
  return formatListenAddress({ host: isLocalhost ? "localhost" : listen.host, port });
}
