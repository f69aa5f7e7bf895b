import { Command } from "commander";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import type { RepositoryFolder } from "../../app/repositories.ts";
import { group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { accessCommand } from "./repo-access.ts";
import { remoteList, remoteRemove, remoteShow } from "./repo-remote.ts";
import { withRepositories } from "../support/repositories.ts";

const notes = `
Examples:
  $ berth repo ls team --host registry.example.com
  $ berth repo create team/app --public       everybody may pull from it
  $ berth repo visibility team/app private    only those who were given access
  $ berth repo immutable team/app 'v\\d.*'     tags that match stay as they are, once they exist
  $ berth repo immutable team/app --all       all tags do
  $ berth repo access grant team/app mia write
  $ berth repo delete team/app --yes          with its tags, manifests and blobs
`;

/** `berth repo …`: repositories on any server, or in a data folder, also while a server runs on it. */
export function repoCommand(): Command {
  const command = new Command("repo").description("list, make, change and delete repositories");
  const ofServers = [remoteList(), remoteShow(), remoteRemove()];
  const ofFolders = [list(), create(), visibility(), immutable(), accessCommand(), remove()];
  return group(command, [
    ...ofServers.map((inner) => inner.helpGroup("On any server (--host):")),
    ...ofFolders.map((inner) => inner.helpGroup("In a data folder (--data):")),
  ]).addHelpText("after", notes);
}

const namesAtOnce = 500;

async function* namesIn({ repositories }: RepositoryFolder): AsyncGenerator<RepositoryName> {
  for (let last: string | undefined; ;) {
    const page = await repositories.list({ kind: "everything" }, { last, limit: namesAtOnce });
    yield* page.items;
    if (!page.more) return;
    last = page.items.at(-1);
  }
}

function list(): Command {
  return dataFolderCommand("list", "list repositories").action((options: DataFolderOptions) =>
    withRepositories(options, async ({ folder, output }) => {
      for await (const name of namesIn(folder)) {
        const { visibility, immutableTags } = await folder.repositories.get(name);
        output.say({ name, visibility, immutableTags }, `${visibility.padEnd(7)}  ${name}`);
      }
    }),
  );
}

interface CreateOptions extends DataFolderOptions {
  readonly public?: true;
}

function create(): Command {
  return dataFolderCommand("create", "make an empty repository, private unless --public is given")
    .argument("<name>", "namespace/name")
    .option("--public", "everybody may pull from it")
    .action((text: string, options: CreateOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const name = parseRepositoryName(text);
        const visibility = options.public ? "public" : "private";
        if (!(await folder.repositories.create(folder.actor, name, visibility)))
          throw new CliError(`there is a repository ${name} already`);
        output.say({ name, visibility }, `made ${name}, ${visibility}`);
      }),
    );
}

function visibility(): Command {
  return dataFolderCommand("visibility", "say who may pull from a repository")
    .argument("<name>", "namespace/name")
    .argument("<visibility>", "private or public")
    .action((text: string, word: string, options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const name = parseRepositoryName(text);
        if (word !== "private" && word !== "public")
          throw new CliError(`a repository is private or public, not ${word}`);
        await folder.repositories.setVisibility(folder.actor, name, word);
        output.say({ name, visibility: word }, `${name} is ${word}`);
      }),
    );
}

interface ImmutableOptions extends DataFolderOptions {
  readonly all?: true;
  readonly none?: true;
}

function immutable(): Command {
  return dataFolderCommand("immutable", "say which tags stay as they are, once they exist")
    .argument("<name>", "namespace/name")
    .argument("[pattern...]", "regular expressions (RE2), each for a whole tag")
    .option("--all", "all tags")
    .option("--none", "no tag")
    .action((text: string, patterns: readonly string[], options: ImmutableOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const name = parseRepositoryName(text);
        const ways = [patterns.length > 0, options.all === true, options.none === true];
        if (ways.filter(Boolean).length !== 1)
          throw new CliError("say either patterns, or --all, or --none");
        const immutableTags = options.none ? null : patterns;
        await folder.repositories.setImmutableTags(folder.actor, name, immutableTags);
        const which = options.none ? "no tag" : options.all ? "all tags" : patterns.join(" or ");
        output.say({ name, immutableTags }, `immutable in ${name}: ${which}`);
      }),
    );
}

interface DeleteOptions extends DataFolderOptions {
  readonly yes?: true;
}

function remove(): Command {
  return dataFolderCommand("delete", "delete a repository with everything in it")
    .argument("<name>", "namespace/name")
    .option("--yes", "really")
    .action((text: string, options: DeleteOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const name = parseRepositoryName(text);
        await folder.repositories.get(name);
        if (!options.yes)
          throw new CliError(`${name} would be gone with all its tags; say --yes if that is meant`);
        await folder.repositories.delete(folder.actor, name);
        output.say(
          { name, deleted: true },
          `deleted ${name}; "berth gc" frees its bytes now, a server does so by itself`,
        );
      }),
    );
}
