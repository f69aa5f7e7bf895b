import { Argument, Command } from "commander";
import { administer, group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";

const permissions = ["read", "write", "admin"] as const;
type Permission = (typeof permissions)[number];

interface AddOptions extends DataFolderOptions {
  readonly description: string;
}

const permissionNotes = `
read: pull. write: pull and push. admin: pull, push and delete.
`;

/** A command for one team. */
const teamed = (name: string, description: string): Command =>
  dataFolderCommand(name, description).argument("<organisation>").argument("<team>");

/** `berth team …` */
export function teamCommand(): Command {
  return group(
    new Command("team").description("members of an organisation with the same permissions"),
    [
      teamed("add", "make a team")
        .option("--description <text>", "for people to read", "")
        .action(add),
      dataFolderCommand("list", "list the teams of an organisation")
        .argument("<organisation>")
        .action(list),
      teamed("show", "list who is in a team, and what they may do").action(show),
      teamed("delete", "delete a team; its members stay in the organisation").action(remove),
      teamed("grant", "let a team do something with a repository of the organisation")
        .argument("<repository>")
        .addArgument(new Argument("<permission>").choices(permissions))
        .addHelpText("after", permissionNotes)
        .action(grant),
      teamed("revoke", "take what a team may do with a repository away again")
        .argument("<repository>")
        .action(revoke),
      group(new Command("member").description("who is in a team"), [
        teamed("add", "take a member of the organisation into a team")
          .argument("<user>")
          .action(addMember),
        teamed("remove", "take a user out of a team").argument("<user>").action(removeMember),
      ]),
    ],
  );
}

function add(organisation: string, team: string, options: AddOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.add(actor, { organisation, team }, options.description);
    say({ kind: "team", organisation, team }, `team ${team} of ${organisation} added`);
  });
}

function list(organisation: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    for (const { name, description, members } of await accounts.teams.list(organisation)) {
      say(
        { kind: "team", organisation, team: name, description, members },
        `${name} (members: ${members})${description === "" ? "" : `: ${description}`}`,
      );
    }
  });
}

function show(organisation: string, team: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    const name = { organisation, team };
    for (const user of await accounts.teams.members(name))
      say({ kind: "member", ...name, user }, `member ${user}`);
    for (const { repository, permission } of await accounts.teams.permissions(name))
      say({ kind: "permission", ...name, repository, permission }, `${permission} ${repository}`);
  });
}

function remove(organisation: string, team: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.delete(actor, { organisation, team });
    say(
      { kind: "team", organisation, team, deleted: true },
      `team ${team} of ${organisation} deleted`,
    );
  });
}

function grant(
  organisation: string,
  team: string,
  repository: string,
  permission: Permission,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.setPermission(actor, { organisation, team }, repository, permission);
    say(
      { kind: "permission", organisation, team, repository, permission },
      `team ${team} has ${permission} on ${repository}`,
    );
  });
}

function revoke(
  organisation: string,
  team: string,
  repository: string,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.setPermission(actor, { organisation, team }, repository, undefined);
    say(
      { kind: "permission", organisation, team, repository, permission: null },
      `team ${team} has nothing on ${repository}`,
    );
  });
}

function addMember(
  organisation: string,
  team: string,
  user: string,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.addMember(actor, { organisation, team }, user);
    say({ kind: "member", organisation, team, user }, `${user} is in team ${team}`);
  });
}

function removeMember(
  organisation: string,
  team: string,
  user: string,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.teams.removeMember(actor, { organisation, team }, user);
    say(
      { kind: "member", organisation, team, user, removed: true },
      `${user} is not in team ${team} any more`,
    );
  });
}
