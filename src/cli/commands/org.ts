import { Argument, Command, Option } from "commander";
import { administer, everyPage, group, type Say } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";

const roles = ["owner", "editor", "member"] as const;
type Role = (typeof roles)[number];

interface AddOptions extends DataFolderOptions {
  readonly owner?: string;
  readonly fullName?: string;
  readonly takeOver?: true;
}

interface MemberOptions extends DataFolderOptions {
  readonly role: Role;
}

const roleNotes = `
Owners may do everything with the organisation's repositories. Editors may create repositories. Members
have what their teams, and permissions on single repositories, give them.
`;

/** `berth org …` */
export function orgCommand(): Command {
  return group(new Command("org").description("organisations, which share a namespace"), [
    dataFolderCommand("add", "make an organisation")
      .argument("<name>")
      .option("--owner <user>", "its first owner; without one it belongs to the administrators")
      .option("--full-name <text>", "for people to read")
      .option("--take-over", "also the repositories of that name that no account has")
      .action(add),
    dataFolderCommand("list", "list all organisations").action(list),
    dataFolderCommand("delete", "delete an organisation without repositories")
      .argument("<name>")
      .action(remove),
    memberCommand(),
  ]);
}

function memberCommand(): Command {
  return group(new Command("member").description("who belongs to an organisation"), [
    dataFolderCommand("list", "list the members of an organisation")
      .argument("<organisation>")
      .action(listMembers),
    dataFolderCommand("add", "make a user a member of an organisation")
      .argument("<organisation>")
      .argument("<user>")
      .addOption(new Option("--role <role>", "what they may do").choices(roles).default("member"))
      .addHelpText("after", roleNotes)
      .action(addMember),
    dataFolderCommand("role", "give a member another role")
      .argument("<organisation>")
      .argument("<user>")
      .addArgument(new Argument("<role>").choices(roles))
      .addHelpText("after", roleNotes)
      .action(changeRole),
    dataFolderCommand("remove", "take a user out of an organisation and its teams")
      .argument("<organisation>")
      .argument("<user>")
      .action(removeMember),
  ]);
}

function add(name: string, options: AddOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    const { owner, fullName, takeOver } = options;
    await accounts.organisations.add(actor, { name, fullName, owner, takeOver });
    const of = owner === undefined ? "the administrators" : owner;
    say({ kind: "organisation", name, owner }, `organisation ${name} added; it belongs to ${of}`);
  });
}

function list(options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    for await (const { name, fullName, createdAtMs } of everyPage(accounts.organisations.list)) {
      const created = new Date(createdAtMs).toISOString();
      const facts = { kind: "organisation", name, fullName, created };
      say(facts, fullName === "" ? name : `${name} (${fullName})`);
    }
  });
}

function remove(name: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.organisations.delete(actor, name);
    say({ kind: "organisation", name, deleted: true }, `organisation ${name} deleted`);
  });
}

function listMembers(organisation: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    const members = everyPage((page) => accounts.organisations.members(organisation, page));
    for await (const { name, role, sinceMs } of members) {
      const since = new Date(sinceMs).toISOString();
      say({ kind: "member", organisation, user: name, role, since }, `${name} (${role})`);
    }
  });
}

function addMember(organisation: string, user: string, options: MemberOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    const { role } = options;
    await accounts.organisations.addMember(actor, organisation, user, role);
    sayRole(say, organisation, user, role);
  });
}

function changeRole(
  organisation: string,
  user: string,
  role: Role,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.organisations.changeRole(actor, organisation, user, role);
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

function removeMember(
  organisation: string,
  user: string,
  options: DataFolderOptions,
): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.organisations.removeMember(actor, organisation, user);
    say(
      { kind: "member", organisation, user, removed: true },
      `${user} is no member of ${organisation} any more`,
    );
  });
}
