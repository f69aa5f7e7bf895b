import { Command } from "commander";
import { allowedFor, defaultOf, printSettings } from "../../config/explain.ts";
import { entryKeysOf } from "../../config/keys.ts";
import { configKeys, demandConfig } from "../../config/load.ts";
import { warningsOf } from "../../config/rules.ts";
import { configSchema } from "../../config/schema.ts";
import { UsageError } from "../support/failure.ts";
import { group, withConfigFile } from "../support/options.ts";
import { print, printError } from "../support/output.ts";

interface Options {
  readonly config?: string;
}

const intro = `
Berth reads settings from the command line, environment variables, one YAML file
(--config or BERTH_CONFIG), and defaults. The first source that sets a key has
precedence. Durations are written 30s, 5m, 24h or 7d; sizes 64MiB or 50GB; lists
in variables are separated by commas. The variable of a secret with the suffix
_FILE names a file that holds the secret.
`;

/** `berth config check|print` */
export function configCommand(): Command {
  const command = new Command("config").description("check or print the configuration");
  command.addHelpText("after", () => `${intro}\nKeys:\n${keyList()}`);
  return group(command, [
    withConfigFile(new Command("check"))
      .description("list all errors of the configuration")
      .action(check),
    withConfigFile(new Command("print"))
      .description("print the effective configuration with its sources")
      .action(printEffective),
  ]);
}

async function check({ config: configFile }: Options): Promise<void> {
  const { config, sources } = await demandConfig({ configFile });
  const { checkFiles } = await import("../../server/preflight.ts");
  await checkFiles(config).catch((error: Error) => {
    throw new UsageError(error.message, { cause: error });
  });
  for (const warning of warningsOf(config)) printError(`warning: ${warning}\n`);
  print(`The configuration is valid; keys that are set: ${sources.size}.\n`);
}

async function printEffective({ config: configFile }: Options): Promise<void> {
  const { config, sources } = await demandConfig({ configFile });
  print(printSettings(configSchema, config, sources));
}

/** Each key: name, variable and default; then its description and its allowed values, indented. */
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
      return `  ${name} (${facts})\n${indented(`${description}.`)}${indented(`Allowed: ${allowedFor(schema)}.`)}`;
    })
    .join("");
}

/** Lines of at most 80 columns below a key. */
function indented(text: string): string {
  const lines: string[] = [];
  let line = "     ";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > 80) {
      lines.push(line);
      line = "     ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].map((one) => `${one}\n`).join("");
}
