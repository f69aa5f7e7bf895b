import { Argument, Command } from "commander";
import { withAccounts } from "../support/data-folder.ts";
import { serverCommand, group, type ServerOptions } from "../support/options.ts";
import { orNone } from "../support/output.ts";

const permissions = ["read", "write", "admin"] as const;
type Permission = (typeof permissions)[number];

interface AddOptions extends ServerOptions {
  readonly description: string;
}

interface TeamName {
  readonly organisation: string;
  readonly team: string;
}

const permissionNotes = `
read: pull. write: pull and push. admin: pull, push and delete.
`;

/** A command for one team. */
const onTeam = (name: string, description: string): Command =>
  serverCommand(name, description).argument("<organisation>").argument("<team>");

/** `berth team …` */
export function teamCommand(): Command {
  return group(
    new Command("team").description("manage teams: members of an organisation with permissions"),
    [
      onTeam("add", "create a team")
        .option("--description <text>", "the description that pages show", "")
        .action(add),
      serverCommand("list", "list the teams of an organisation")
        .argument("<organisation>")
        .action(list),
      onTeam("show", "list the members and the permissions of a team").action(show),
      onTeam("delete", "delete a team; its members stay in the organisation").action(remove),
      onTeam("grant", "give a team a permission on a repository of the organisation")
        .argument("<repository>")
        .addArgument(new Argument("<permission>").choices(permissions))
        .addHelpText("after", permissionNotes)
        .action(
          (organisation: string, team: string, ...rest: [string, Permission, ServerOptions]) =>
            setPermission({ organisation, team }, ...rest),
        ),
      onTeam("revoke", "remove the permission of a team on a repository")
        .argument("<repository>")
        .action((organisation: string, team: string, repository: string, options: ServerOptions) =>
          setPermission({ organisation, team }, repository, undefined, options),
        ),
      group(new Command("member").description("add and remove members of a team"), [
        onTeam("add", "add a member of the organisation to a team")
          .argument("<user>")
          .action(addMember),
        onTeam("remove", "remove a user from a team").argument("<user>").action(removeMember),
      ]),
    ],
  );
}

function add(organisation: string, team: string, options: AddOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.teams.add({ organisation, team }, options.description);
    say({ kind: "team", organisation, team }, `team ${team} of ${organisation} added`);
  });
}

function list(organisation: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const teams = orNone(await accounts.teams.list(organisation), `${organisation} has no teams`);
    for await (const { name, description, members } of teams) {
      say(
        { kind: "team", organisation, team: name, description, members },
        `${name} (members: ${members})${description === "" ? "" : `: ${description}`}`,
      );
    }
  });
}

function show(organisation: string, team: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const name = { organisation, team };
    for await (const user of orNone(await accounts.teams.members(name), "no members"))
      say({ kind: "member", ...name, user }, `member ${user}`);
    const permissions = orNone(await accounts.teams.permissions(name), "no permissions");
    for await (const { repository, permission } of permissions)
      say({ kind: "permission", ...name, repository, permission }, `${permission} ${repository}`);
  });
}

function remove(organisation: string, team: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.teams.delete({ organisation, team });
    say(
      { kind: "team", organisation, team, deleted: true },
      `team ${team} of ${organisation} deleted`,
    );
  });
}

/** `undefined` removes the permission. */
function setPermission(
  team: TeamName,
  repository: string,
  permission: Permission | undefined,
  options: ServerOptions,
): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.teams.setPermission(team, repository, permission);
    say(
      { kind: "permission", ...team, repository, permission: permission ?? null },
      `team ${team.team} has ${permission ?? "no permission"} on ${repository}`,
    );
  });
}

function addMember(
  organisation: string,
  team: string,
  user: string,
  options: ServerOptions,
): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.teams.addMember({ organisation, team }, user);
    say({ kind: "member", organisation, team, user }, `added ${user} to team ${team}`);
  });
}

function removeMember(
  organisation: string,
  team: string,
  user: string,
  options: ServerOptions,
): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.teams.removeMember({ organisation, team }, user);
    say(
      { kind: "member", organisation, team, user, removed: true },
      `removed ${user} from team ${team}`,
    );
  });
}
