import { Command } from "commander";
import { allowedFor } from "../../config/explain.ts";
import { entryKeysOf } from "../../config/keys.ts";
import { configKeys, loadConfig, type LoadedConfig } from "../../config/load.ts";
import { defaultOf, printConfig } from "../../config/print.ts";
import { ConfigError } from "../../config/problems.ts";
import { warningsOf } from "../../config/rules.ts";
import { print, printError } from "../support/output.ts";

interface Options {
  readonly config?: string;
}

const intro = `
Settings come from the command line, then from environment variables, then from one YAML file
(--config or BERTH_CONFIG), then from the defaults. Durations are written 30s, 5m, 24h or 7d,
sizes 64MiB or 50GB, lists in variables with commas. A variable that ends in _FILE names a file
that holds a secret.
`;

/** `berth config check|print` */
export function configCommand(): Command {
  const command = new Command("config").description("check or print the configuration");
  command
    .command("check")
    .description("say everything that is wrong with the configuration")
    .option("--config <file>", "YAML file to read (BERTH_CONFIG)")
    .action(async (options: Options) => {
      const { config, sources } = await load(options);
      for (const warning of warningsOf(config)) printError(`warning: ${warning}\n`);
      print(`The configuration is right; keys that are set: ${sources.size}.\n`);
    });
  command
    .command("print")
    .description("print the configuration as it is in effect, and where each value comes from")
    .option("--config <file>", "YAML file to read (BERTH_CONFIG)")
    .action(async (options: Options) => {
      const { config, sources } = await load(options);
      print(printConfig(config, sources));
    });
  return command.addHelpText("after", () => `${intro}\nKeys:\n${keyList()}`);
}

async function load({ config: configFile }: Options): Promise<Extract<LoadedConfig, { ok: true }>> {
  const loaded = await loadConfig({ configFile });
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return loaded;
}

/** Three lines per key: name, variable and default; description; allowed values. */
function keyList(): string {
  return configKeys
    .flatMap((key) => [
      key,
      ...entryKeysOf(key).map((entry) => ({ ...entry, variable: undefined })),
    ])
    .map(({ name, variable, description, schema }) => {
      const initial = defaultOf(schema);
      const otherwise = initial === undefined ? "" : `, default ${initial}`;
      const facts = `${variable ?? "in the entries of the list"}${otherwise}`;
      const heading = `${name} (${facts})`;
      return `  ${heading}\n      ${description}.\n      Allowed: ${allowedFor(schema)}.\n`;
    })
    .join("");
}
