import { Argument, Command, Option } from "commander";
import { withAccounts } from "../support/data-folder.ts";
import { serverCommand, group, type ServerOptions } from "../support/options.ts";
import { orNone, type Say } from "../support/output.ts";

const roles = ["owner", "editor", "member"] as const;
type Role = (typeof roles)[number];

interface AddOptions extends ServerOptions {
  readonly owner?: string;
  readonly fullName?: string;
  readonly takeOver?: true;
}

interface MemberOptions extends ServerOptions {
  readonly role: Role;
}

const roleNotes = `
Owners have all permissions on the repositories of the organisation. Editors may
create repositories. Members have the permissions of their teams, and those on
single repositories.
`;

/** `berth org …` */
export function orgCommand(): Command {
  return group(
    new Command("org").description("manage organisations: users that share a namespace"),
    [
      serverCommand("add", "create an organisation")
        .argument("<name>")
        .option("--owner <user>", "its first owner (default: only administrators manage it)")
        .option("--full-name <text>", "the name that pages show")
        .option("--take-over", "take over existing repositories of this namespace")
        .action(add),
      serverCommand("list", "list all organisations").action(list),
      serverCommand("delete", "delete an organisation without repositories")
        .argument("<name>")
        .action(remove),
      memberCommand(),
    ],
  );
}

function memberCommand(): Command {
  return group(new Command("member").description("manage the members of an organisation"), [
    serverCommand("list", "list the members of an organisation")
      .argument("<organisation>")
      .action(listMembers),
    serverCommand("add", "add a user to an organisation")
      .argument("<organisation>")
      .argument("<user>")
      .addOption(
        new Option("--role <role>", "the role of the member").choices(roles).default("member"),
      )
      .addHelpText("after", roleNotes)
      .action(addMember),
    serverCommand("role", "change the role of a member")
      .argument("<organisation>")
      .argument("<user>")
      .addArgument(new Argument("<role>").choices(roles))
      .addHelpText("after", roleNotes)
      .action(changeRole),
    serverCommand("remove", "remove a user from an organisation and its teams")
      .argument("<organisation>")
      .argument("<user>")
      .action(removeMember),
  ]);
}

function add(name: string, options: AddOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const { owner, fullName, takeOver } = options;
    await accounts.organisations.add({ name, fullName, owner, takeOver });
    const by = owner === undefined ? "only administrators manage it" : `its owner is ${owner}`;
    say({ kind: "organisation", name, owner }, `organisation ${name} added; ${by}`);
  });
}

function list(options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const organisations = orNone(accounts.organisations.list(), "no organisations");
    for await (const { name, fullName, createdAtMs } of organisations) {
      const created = new Date(createdAtMs).toISOString();
      const facts = { kind: "organisation", name, fullName, created };
      say(facts, fullName === "" ? name : `${name} (${fullName})`);
    }
  });
}

function remove(name: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.organisations.delete(name);
    say({ kind: "organisation", name, deleted: true }, `organisation ${name} deleted`);
  });
}

function listMembers(organisation: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const members = orNone(accounts.organisations.members(organisation), "no members");
    for await (const { name, role, sinceMs } of members) {
      const since = new Date(sinceMs).toISOString();
      say({ kind: "member", organisation, user: name, role, since }, `${name} (${role})`);
    }
  });
}

function addMember(organisation: string, user: string, options: MemberOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const { role } = options;
    await accounts.organisations.addMember(organisation, user, role);
    sayRole(say, organisation, user, role);
  });
}

function changeRole(
  organisation: string,
  user: string,
  role: Role,
  options: ServerOptions,
): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.organisations.changeRole(organisation, user, role);
    sayRole(say, organisation, user, role);
  });
}

function sayRole(say: Say, organisation: string, user: string, role: Role): void {
  const article = role === "member" ? "a" : "an";
  say(
    { kind: "member", organisation, user, role },
    `${user} is ${article} ${role} of ${organisation}`,
  );
}

function removeMember(organisation: string, user: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.organisations.removeMember(organisation, user);
    say(
      { kind: "member", organisation, user, removed: true },
      `removed ${user} from ${organisation}`,
    );
  });
}
