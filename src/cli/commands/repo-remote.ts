import type { Command } from "commander";
import { CliError } from "../support/failure.ts";
import { formatBytes, linesOf } from "../support/output.ts";
import { limitOf, remoteCommand, withRemote, type RemoteOptions } from "../support/remote.ts";
import { factsOf, shortTime, tableOf } from "../support/table.ts";

interface Repository {
  readonly name: string;
  readonly description: string;
  readonly full_description?: string;
  readonly is_private: boolean;
  readonly tag_count: number;
  readonly star_count: number;
  readonly pull_count: number;
  readonly push_count: number;
  readonly last_pulled: string | null;
  readonly last_updated: string;
  readonly date_registered: string;
  readonly storage_size: number;
  readonly operating_systems: readonly string[];
  readonly architectures: readonly string[];
  readonly os_versions: readonly string[];
}

interface Sizes {
  readonly bytes: number;
  readonly shared_bytes: number;
  readonly unique_bytes: number;
}

const visibilityOf = ({ is_private }: Repository): string => (is_private ? "private" : "public");

export function remoteList(): Command {
  return remoteCommand("ls", "list the repositories that you may read")
    .argument("[namespace]", "of this user or organisation only")
    .option("--limit <number>", "so many at most")
    .action((namespace: string | undefined, options: RemoteOptions) =>
      withRemote(options, async ({ items, output }) => {
        const rows: string[][] = [];
        const found = items<Repository>("/repositories", { namespace, ...limitOf(options) });
        for await (const repository of found) {
          if (options.json) output.say(repository, "");
          else
            rows.push([
              ...[repository.name, visibilityOf(repository), String(repository.tag_count)],
              ...[formatBytes(repository.storage_size), String(repository.pull_count)],
              ...[String(repository.star_count), shortTime(repository.last_updated)],
            ]);
        }
        const heads = ["NAME", "VISIBILITY", "TAGS", "SIZE", "PULLS", "STARS", "UPDATED"];
        if (!options.json) output.say({}, ...tableOf(heads, rows));
      }),
    );
}

export function remoteShow(): Command {
  return remoteCommand("show", "show a repository, and what its blobs weigh")
    .argument("<name>", "namespace/name")
    .action((name: string, options: RemoteOptions) =>
      withRemote(options, async ({ get, output }) => {
        const repository = await get<Repository>(`/repositories/${name}`);
        const sizes = await get<Sizes>(`/repositories/${name}/-/sizes`);
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
            `${formatBytes(sizes.bytes)}: ${formatBytes(unique_bytes)} its own, ${formatBytes(shared_bytes)} shared`,
          ],
          ["pulls", `${repository.pull_count}, last ${shortTime(repository.last_pulled)}`],
          ["pushes", `${repository.push_count}, last change ${shortTime(repository.last_updated)}`],
          ["stars", String(repository.star_count)],
          ["made", shortTime(repository.date_registered)],
        ];
        const about = repository.full_description ?? "";
        const said = factsOf(facts.filter(([, value]) => value !== ""));
        const text = about === "" ? [] : ["", ...linesOf(about)];
        output.say({ ...repository, sizes }, ...said, ...text);
      }),
    );
}

export function remoteRemove(): Command {
  return remoteCommand("rm", "delete a repository with everything in it")
    .argument("<name>", "namespace/name")
    .option("--yes", "really")
    .action((name: string, options: RemoteOptions & { readonly yes?: true }) =>
      withRemote(options, async ({ get, send, output }) => {
        const { tag_count: tags } = await get<Repository>(`/repositories/${name}`);
        if (!options.yes)
          throw new CliError(`${name} would be gone with ${tags} tags; say --yes if that is meant`);
        await send("DELETE", `/repositories/${name}`);
        output.say({ name, deleted: true }, `deleted ${name}`);
      }),
    );
}
