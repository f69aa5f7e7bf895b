import { Command } from "commander";
import { parseSize } from "../../config/units.ts";
import { namespaceOf, parseRepositoryName } from "../../oci/name.ts";
import { group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { formatBytes } from "../support/output.ts";
import { withRepositories } from "../support/repositories.ts";

const notes = `
What counts is each blob once for all repositories of the namespace. A push that does not fit is
refused with the numbers. "quotas.default" is the quota of every namespace that has none of its own.

Examples:
  $ berth quota list
  $ berth quota set team 50GB
  $ berth quota remove team
`;

/** `berth quota …`: the quotas of namespaces. */
export function quotaCommand(): Command {
  const command = new Command("quota").description("show and set what namespaces may hold");
  return group(command, [list(), set(), remove()]).addHelpText("after", notes);
}

function list(): Command {
  return dataFolderCommand("list", "show what namespaces hold, and may hold").action(
    (options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        for (const use of await folder.quotas.list()) {
          const { namespace, usedBytes, limitBytes, isOwn } = use;
          const limit =
            limitBytes === null
              ? "no quota"
              : `of ${formatBytes(limitBytes)}${isOwn ? "" : " (quotas.default)"}`;
          output.say(use, `${namespace}  ${formatBytes(usedBytes)}  ${limit}`);
        }
      }),
  );
}

function set(): Command {
  return dataFolderCommand("set", "limit what a namespace may hold; what it holds already stays")
    .argument("<namespace>", "a user or an organisation")
    .argument("<size>", "64MiB, 50GB, or bytes")
    .action((text: string, size: string, options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const namespace = parseNamespace(text);
        const limitBytes = parseSize(size);
        if (limitBytes === undefined)
          throw new CliError(`${size} is no size; sizes are written 4096 (bytes), 64MiB or 50GB`);
        const usedBytes = await folder.quotas.set(folder.actor, namespace, limitBytes);
        output.say(
          { namespace, usedBytes, limitBytes },
          `${namespace} may hold ${formatBytes(limitBytes)}, and holds ${formatBytes(usedBytes)}`,
        );
      }),
    );
}

function remove(): Command {
  return dataFolderCommand("remove", "take a namespace's own quota away")
    .argument("<namespace>", "a user or an organisation")
    .action((text: string, options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const namespace = parseNamespace(text);
        if (!(await folder.quotas.remove(folder.actor, namespace)))
          throw new CliError(`${namespace} has no quota of its own`);
        output.say({ namespace, removed: true }, `${namespace} has no quota of its own any more`);
      }),
    );
}

function parseNamespace(text: string): string {
  if (text.includes("/")) throw new CliError(`${text} is no namespace: it has no "/" in it`);
  return namespaceOf(parseRepositoryName(`${text}/any`));
}
