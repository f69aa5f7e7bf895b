import { Argument, Command } from "commander";
import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import type { Repositories } from "../../registry/repositories.ts";
import { withDataFolder } from "../support/data-folder.ts";
import { CliError, UsageError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";
import { remoteList, remoteRemove, remoteShow } from "./repo-remote.ts";
import { orNone } from "../support/output.ts";

const notes = `
Examples:
  $ berth repo ls team --host registry.example.com
  $ berth repo create team/app --public       everyone may pull from it
  $ berth repo visibility team/app private    only members may pull
  $ berth repo immutable team/app 'v\\d.*'     matching tags cannot be changed
  $ berth repo immutable team/app --all       no tag can be changed
  $ berth repo access grant team/app mia write
  $ berth repo delete team/app --yes          with its tags, manifests and blobs
`;

/** `berth repo …`: repositories on any server, or in a data folder, also while a server runs on it. */
export function repoCommand(): Command {
  const command = new Command("repo").description("list, create, change and delete repositories");
  const ofServers = [remoteList(), remoteShow(), remoteRemove()];
  const ofFolders = [list(), create(), visibility(), immutable(), access(), remove()];
  return group(command, [
    ...ofServers.map((inner) => inner.helpGroup("On any server (--host):")),
    ...ofFolders.map((inner) => inner.helpGroup("In a data folder (--data):")),
  ]).addHelpText("after", notes);
}

/** A command for one repository in a data folder. */
const onRepository = (name: string, description: string): Command =>
  dataFolderCommand(name, description).argument("<name>", "namespace/name");

function list(): Command {
  return dataFolderCommand("list", "list repositories").action((options: DataFolderOptions) =>
    withDataFolder(options, async (context, say) => {
      const repositories = await context.repositories();
      for await (const name of orNone(namesIn(repositories), "no repositories")) {
        const { visibility, immutableTags } = await repositories.get(name);
        say({ name, visibility, immutableTags }, `${visibility.padEnd(7)}  ${name}`);
      }
    }),
  );
}

const namesAtOnce = 500;

async function* namesIn(repositories: Repositories): AsyncGenerator<RepositoryName> {
  for (let last: string | undefined; ;) {
    const page = await repositories.list({ kind: "everything" }, { last, limit: namesAtOnce });
    yield* page.items;
    if (!page.more) return;
    last = page.items.at(-1);
  }
}

interface CreateOptions extends DataFolderOptions {
  readonly public?: true;
}

function create(): Command {
  return onRepository("create", "create an empty repository")
    .option("--public", "everyone may pull from it (default: private)")
    .action((text: string, options: CreateOptions) =>
      withDataFolder(options, async (context, say) => {
        const name = parseRepositoryName(text);
        const visibility = options.public ? "public" : "private";
        const repositories = await context.repositories();
        if (!(await repositories.create(context.actor, name, visibility)))
          throw new CliError(`the repository ${name} exists already`);
        say({ name, visibility }, `created ${name}, ${visibility}`);
      }),
    );
}

function visibility(): Command {
  return onRepository("visibility", "set the visibility of a repository")
    .argument("<visibility>", "private or public")
    .action((text: string, word: string, options: DataFolderOptions) =>
      withDataFolder(options, async (context, say) => {
        const name = parseRepositoryName(text);
        if (word !== "private" && word !== "public")
          throw new UsageError(`the visibility is private or public, not ${word}`);
        await (await context.repositories()).setVisibility(context.actor, name, word);
        say({ name, visibility: word }, `${name} is ${word}`);
      }),
    );
}

interface ImmutableOptions extends DataFolderOptions {
  readonly all?: true;
  readonly none?: true;
}

function immutable(): Command {
  return onRepository("immutable", "set which existing tags cannot be changed or deleted")
    .argument("[pattern...]", "regular expressions (RE2), each for a whole tag")
    .option("--all", "all tags")
    .option("--none", "no tags")
    .action((text: string, patterns: readonly string[], options: ImmutableOptions) =>
      withDataFolder(options, async (context, say) => {
        const name = parseRepositoryName(text);
        const ways = [patterns.length > 0, options.all === true, options.none === true];
        if (ways.filter(Boolean).length !== 1)
          throw new UsageError("write either patterns, or --all, or --none");
        const immutableTags = options.none ? null : patterns;
        const repositories = await context.repositories();
        await repositories.setImmutableTags(context.actor, name, immutableTags);
        const which = options.none ? "no tags" : options.all ? "all tags" : patterns.join(" or ");
        say({ name, immutableTags }, `immutable in ${name}: ${which}`);
      }),
    );
}

interface DeleteOptions extends DataFolderOptions {
  readonly yes?: true;
}

function remove(): Command {
  return onRepository("delete", "delete a repository with all its content")
    .option("--yes", "confirm the deletion")
    .action((text: string, options: DeleteOptions) =>
      withDataFolder(options, async (context, say) => {
        const name = parseRepositoryName(text);
        const repositories = await context.repositories();
        await repositories.get(name);
        if (!options.yes)
          throw new UsageError(`this deletes ${name} and all its tags; confirm with --yes`);
        await repositories.delete(context.actor, name);
        say(
          { name, deleted: true },
          `deleted ${name}; a server frees its bytes after gc.deleteDelay, "berth gc --now" frees them at once`,
        );
      }),
    );
}

const accessNotes = `
read: pull. write: pull and push. admin: pull, push and delete. The permissions of
the namespace's owner, of teams ("berth team grant") and of administrators stay.
`;

/** `berth repo access …`: the permissions of single users on a repository. */
function access(): Command {
  const command = new Command("access").description("manage permissions of single users");
  return group(command, [accessList(), grant(), revoke()]).addHelpText("after", accessNotes);
}

function accessList(): Command {
  return onRepository("list", "list users with their own permission on a repository").action(
    (text: string, options: DataFolderOptions) =>
      withDataFolder(options, async (context, say) => {
        const collaborators = await context.collaborators();
        const name = parseRepositoryName(text);
        const none = `no user has an own permission on ${name}`;
        for await (const collaborator of orNone(await collaborators.list(name), none)) {
          const { name: user, permission } = collaborator;
          say({ user, permission }, `${permission.padEnd(5)}  ${user}`);
        }
      }),
  );
}

const permissions = ["read", "write", "admin"] as const;
type Permission = (typeof permissions)[number];

function grant(): Command {
  return onRepository("grant", "give a user a permission, or change it")
    .argument("<user>")
    .addArgument(new Argument("<permission>").choices(permissions))
    .action(setAccess);
}

function revoke(): Command {
  return onRepository("revoke", "remove the permission of a user")
    .argument("<user>")
    .action((text: string, user: string, options: DataFolderOptions) =>
      setAccess(text, user, undefined, options),
    );
}

/** `undefined` removes the permission. */
function setAccess(
  text: string,
  user: string,
  permission: Permission | undefined,
  options: DataFolderOptions,
): Promise<void> {
  return withDataFolder(options, async (context, say) => {
    const name = parseRepositoryName(text);
    await (await context.collaborators()).set(context.actor, name, user, permission);
    say(
      { name, user, permission: permission ?? null },
      `${user} has ${permission ?? "no own permission"} on ${name}`,
    );
  });
}
