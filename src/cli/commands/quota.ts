import { Command } from "commander";
import { parseSize } from "../../config/values.ts";
import { namespaceOf, parseRepositoryName } from "../../oci/name.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { formatBytes } from "../support/output.ts";

const notes = `
Each blob counts once for all repositories of a namespace. A push that exceeds
the quota is rejected. Namespaces without their own quota have that of
quotas.default.

Examples:
  $ berth quota list
  $ berth quota set team 50GB
  $ berth quota remove team
`;

/** `berth quota …`: the quotas of namespaces. */
export function quotaCommand(): Command {
  const command = new Command("quota").description("show and set the quotas of namespaces");
  return group(command, [list(), set(), remove()]).addHelpText("after", notes);
}

function list(): Command {
  return dataFolderCommand("list", "show the usage and the quota of each namespace").action(
    (options: DataFolderOptions) =>
      withDataFolder(options, async (context, say) => {
        const quotas = await context.quotas();
        for (const use of await quotas.list()) {
          const { namespace, usedBytes, limitBytes, isOwn } = use;
          const limit =
            limitBytes === null
              ? "no quota"
              : `of ${formatBytes(limitBytes)}${isOwn ? "" : " (quotas.default)"}`;
          say(use, `${namespace}  ${formatBytes(usedBytes)}  ${limit}`);
        }
      }),
  );
}

function set(): Command {
  return dataFolderCommand("set", "set the quota of a namespace; stored blobs stay")
    .argument("<namespace>", "a user or an organisation")
    .argument("<size>", "64MiB, 50GB, or bytes")
    .action((text: string, size: string, options: DataFolderOptions) =>
      withDataFolder(options, async (context, say) => {
        const namespace = parseNamespace(text);
        const limitBytes = parseSize(size);
        if (limitBytes === undefined)
          throw new CliError(`${size} is not a size: write 4096 (bytes), 64MiB or 50GB`);
        const quotas = await context.quotas();
        const usedBytes = await quotas.set(context.actor, namespace, limitBytes);
        say(
          { namespace, usedBytes, limitBytes },
          `the quota of ${namespace} is ${formatBytes(limitBytes)}; it uses ${formatBytes(usedBytes)}`,
        );
      }),
    );
}

function remove(): Command {
  return dataFolderCommand("remove", "remove the quota of a namespace; quotas.default applies")
    .argument("<namespace>", "a user or an organisation")
    .action((text: string, options: DataFolderOptions) =>
      withDataFolder(options, async (context, say) => {
        const namespace = parseNamespace(text);
        const quotas = await context.quotas();
        if (!(await quotas.remove(context.actor, namespace)))
          throw new CliError(`${namespace} does not have its own quota`);
        say({ namespace, removed: true }, `removed the quota of ${namespace}`);
      }),
    );
}

function parseNamespace(text: string): string {
  if (text.includes("/"))
    throw new CliError(`${text} is not a namespace: write the part before the first "/"`);
  return namespaceOf(parseRepositoryName(`${text}/any`));
}
