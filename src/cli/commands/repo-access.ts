import { Argument, Command } from "commander";
import { parseRepositoryName } from "../../oci/name.ts";
import { group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { withRepositories } from "../support/repositories.ts";

const levels = ["read", "write", "admin"] as const;

const notes = `
read: pull. write: pull and push. admin: pull, push and delete. Users in their own namespace, owners of
an organisation, teams ("berth team grant") and administrators have what they have besides.
`;

/** `berth repo access …`: the permissions of single users on a repository. */
export function accessCommand(): Command {
  const command = new Command("access").description("what single users may do with a repository");
  return group(command, [list(), grant(), revoke()]).addHelpText("after", notes);
}

const accessTo = (name: string, description: string): Command =>
  dataFolderCommand(name, description).argument("<name>", "namespace/name");

function list(): Command {
  return accessTo("list", "list who has access of their own").action(
    (text: string, options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        for (const collaborator of await folder.collaborators.list(parseRepositoryName(text))) {
          const { name, permission } = collaborator;
          output.say({ user: name, permission }, `${permission.padEnd(5)}  ${name}`);
        }
      }),
  );
}

function grant(): Command {
  return accessTo("grant", "give a user access, or another one than before")
    .argument("<user>")
    .addArgument(new Argument("<permission>").choices(levels))
    .action(
      (text: string, user: string, permission: (typeof levels)[number], o: DataFolderOptions) =>
        withRepositories(o, async ({ folder, output }) => {
          const name = parseRepositoryName(text);
          await folder.collaborators.set(folder.actor, name, user, permission);
          output.say({ name, user, permission }, `${user} has ${permission} on ${name}`);
        }),
    );
}

function revoke(): Command {
  return accessTo("revoke", "take a user's own access away")
    .argument("<user>")
    .action((text: string, user: string, options: DataFolderOptions) =>
      withRepositories(options, async ({ folder, output }) => {
        const name = parseRepositoryName(text);
        await folder.collaborators.set(folder.actor, name, user, undefined);
        output.say(
          { name, user, permission: null },
          `${user} has no access of their own to ${name}`,
        );
      }),
    );
}
