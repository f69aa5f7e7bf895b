import { Command } from "commander";
import { quotaSchema } from "../../api/administration.ts";
import { pageSchema } from "../../api/fields.ts";
import type { Use } from "../../registry/quotas.ts";
import { parseSize } from "../../config/quantities.ts";
import { namespaceOf, parseRepositoryName } from "../../oci/name.ts";
import { onFolderOrServer } from "../support/data-folder.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { serverCommand, group, type ServerOptions } from "../support/options.ts";
import { formatBytes, orNone, unitsOf, type Say } from "../support/output.ts";
import type { Remote } from "../support/remote.ts";

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
  return serverCommand("list", "show the usage and the quota of each namespace").action(
    (options: ServerOptions) =>
      withQuotas(options, async (quotas, say) => {
        for await (const use of orNone(quotas.list(), "no namespaces")) {
          const { namespace, usedBytes, limitBytes, isOwn } = use;
          const units = limitBytes === null ? undefined : unitsOf(limitBytes);
          const limit =
            limitBytes === null
              ? "no quota"
              : `of ${formatBytes(limitBytes, units)}${isOwn ? "" : " (quotas.default)"}`;
          say(use, `${namespace}  ${formatBytes(usedBytes, units)}  ${limit}`);
        }
      }),
  );
}

function set(): Command {
  return serverCommand("set", "set the quota of a namespace; stored blobs stay")
    .argument("<namespace>", "a user or an organisation")
    .argument("<size>", "64MiB, 50GB, or bytes")
    .action((text: string, size: string, options: ServerOptions) =>
      withQuotas(options, async (quotas, say) => {
        const namespace = parseNamespace(text);
        const limitBytes = parseSize(size);
        if (limitBytes === undefined)
          throw new UsageError(`${size} is not a size: write 4096 (bytes), 64MiB or 50GB`);
        const usedBytes = await quotas.set(namespace, limitBytes);
        const units = unitsOf(limitBytes);
        say(
          { namespace, usedBytes, limitBytes },
          `the quota of ${namespace} is ${formatBytes(limitBytes, units)}; it uses ${formatBytes(usedBytes, units)}`,
        );
      }),
    );
}

function remove(): Command {
  return serverCommand("remove", "remove the quota of a namespace; quotas.default applies")
    .argument("<namespace>", "a user or an organisation")
    .action((text: string, options: ServerOptions) =>
      withQuotas(options, async (quotas, say) => {
        const namespace = parseNamespace(text);
        if (!(await quotas.remove(namespace)))
          throw new CliError(`${namespace} does not have its own quota`);
        say({ namespace, removed: true }, `removed the quota of ${namespace}`);
      }),
    );
}

/** What the commands do, on a data folder or on a running server. */
interface AdministeredQuotas {
  readonly list: () => AsyncIterable<Use>;
  /** Resolves with the usage in bytes. */
  readonly set: (namespace: string, limitBytes: number) => Promise<number>;
  /** False: the namespace had no own quota. */
  readonly remove: (namespace: string) => Promise<boolean>;
}

function withQuotas(
  options: ServerOptions,
  work: (quotas: AdministeredQuotas, say: Say) => Promise<void>,
): Promise<void> {
  return onFolderOrServer(options, {
    folder: async (context, say) => {
      const quotas = await context.quotas();
      const list = async function* (): AsyncGenerator<Use> {
        yield* await quotas.list();
      };
      const { actor } = context;
      await work(
        {
          list,
          set: (namespace, limitBytes) => quotas.set(actor, namespace, limitBytes),
          remove: (namespace) => quotas.remove(actor, namespace),
        },
        say,
      );
    },
    server: (remote) => work(remoteQuotas(remote), remote.say),
  });
}

function remoteQuotas(remote: Remote): AdministeredQuotas {
  const path = "/admin/quotas";
  return {
    async *list() {
      for await (const quota of remote.items(pageSchema(quotaSchema), path))
        yield {
          namespace: quota.namespace,
          usedBytes: quota.used,
          limitBytes: quota.limit,
          isOwn: quota.is_own,
        };
    },
    set: async (namespace, limit) =>
      (await remote.put(quotaSchema, `${path}/${namespace}`, { limit })).used,
    // The error of the server has the message of this command.
    remove: (namespace) => remote.delete(`${path}/${namespace}`).then(() => true),
  };
}

function parseNamespace(text: string): string {
  if (text.includes("/"))
    throw new UsageError(`${text} is not a namespace: write the part before the first "/"`);
  return namespaceOf(parseRepositoryName(`${text}/any`));
}
