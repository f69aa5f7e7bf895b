import type { Command } from "commander";
import { pageSchema } from "../../api/fields.ts";
import {
  repositoryItemSchema,
  repositorySchema,
  repositoryUsageSchema,
  type RepositoryAnswer,
  type RepositoryItemAnswer,
  type RepositoryUsageAnswer,
} from "../../api/repositories.ts";
import { UsageError } from "../support/failure.ts";
import { locate, remoteCommand, type RemoteOptions } from "../support/options.ts";
import { factLines, formatBytes, linesOf, shortTime, type Line } from "../support/output.ts";
import { withRemote } from "../support/remote.ts";

const visibilityOf = ({ is_private }: RepositoryItemAnswer): string =>
  is_private ? "private" : "public";

export function remoteList(): Command {
  return remoteCommand("ls", "list the repositories that you may read")
    .argument("[namespace]", "only of this user or organisation")
    .option("--limit <number>", "the maximum number of repositories")
    .action((namespace: string | undefined, options: RemoteOptions) =>
      withRemote(options, ({ sayList }) =>
        sayList({
          page: pageSchema(repositoryItemSchema),
          path: "/repositories",
          query: { namespace },
          heads: ["NAME", "VISIBILITY", "TAGS", "SIZE", "PULLS", "STARS", "UPDATED"],
          rowOf: (repository) => [
            repository.name,
            visibilityOf(repository),
            String(repository.tag_count),
            formatBytes(repository.storage_size),
            String(repository.pull_count),
            String(repository.star_count),
            shortTime(repository.last_updated),
          ],
        }),
      ),
    );
}

export function remoteShow(): Command {
  return remoteCommand("show", "show a repository and the sizes of its blobs")
    .argument("<name>", "namespace/name")
    .action((text: string, given: RemoteOptions) => {
      const { options, name } = locate(given, text);
      return withRemote(options, async ({ get, say }) => {
        const repository = await get(repositorySchema, `/repositories/${name}`);
        const sizes = await get(repositoryUsageSchema, `/repositories/${name}/-/sizes`);
        say({ ...repository, sizes }, ...description(repository, sizes));
      });
    });
}

function description(repository: RepositoryAnswer, sizes: RepositoryUsageAnswer): readonly Line[] {
  const { shared_bytes, unique_bytes } = sizes;
  const facts: (readonly [string, string])[] = [
    ["name", repository.name],
    ["description", repository.description],
    ["visibility", visibilityOf(repository)],
    ["tags", String(repository.tag_count)],
    ["for", [...repository.operating_systems, ...repository.architectures].join(", ")],
    ["windows builds", repository.os_versions.join(", ")],
    [
      "bytes",
      `${formatBytes(sizes.bytes)}: ${formatBytes(unique_bytes)} unique, ${formatBytes(shared_bytes)} shared`,
    ],
    ["pulls", `${repository.pull_count}, last ${shortTime(repository.last_pulled)}`],
    ["pushes", `${repository.push_count}, last change ${shortTime(repository.last_updated)}`],
    ["stars", String(repository.star_count)],
    ["created", shortTime(repository.date_registered)],
  ];
  const readme = repository.full_description;
  return [
    ...factLines(facts.filter(([, value]) => value !== "")),
    ...(readme === "" ? [] : ["", ...linesOf(readme)]),
  ];
}

export function remoteRemove(): Command {
  return remoteCommand("rm", "delete a repository with all its content")
    .argument("<name>", "namespace/name")
    .option("--yes", "confirm the deletion")
    .action((text: string, given: RemoteOptions & { readonly yes?: true }) => {
      const { options, name } = locate(given, text);
      return withRemote(options, async (remote) => {
        const { tag_count: tags } = await remote.get(repositorySchema, `/repositories/${name}`);
        if (!options.yes)
          throw new UsageError(`this deletes ${name} and its ${tags} tags; confirm with --yes`);
        await remote.delete(`/repositories/${name}`);
        remote.say({ name, deleted: true }, `deleted ${name}`);
      });
    });
}
