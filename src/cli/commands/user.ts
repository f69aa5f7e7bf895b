import { Command } from "commander";
import { administer, everyPage, group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { readNewPassword } from "../support/password.ts";

type Work = Parameters<typeof administer<void>>[1];

interface PasswordOptions extends DataFolderOptions {
  readonly generate?: true;
}

interface AddOptions extends PasswordOptions {
  readonly admin?: true;
  readonly fullName?: string;
  readonly email?: string;
  readonly takeOver?: true;
}

const passwordNotes = `
The password is the first line of standard input, or typed at a terminal; it is never an argument.
`;
const disableNotes = `
A disabled user can't log in, neither with the password nor with access tokens, and may do nothing;
bearer tokens that are out end within minutes. Repositories and memberships stay.
`;
const deleteNotes = `
Takes access tokens, memberships and permissions with it. Refused while the user has repositories,
is the last owner of an organisation, or the last administrator.
`;

/** `berth user …` */
export function userCommand(): Command {
  return group(new Command("user").description("people, who each have a namespace of their name"), [
    withPassword(dataFolderCommand("add", "make a user").argument("<name>"))
      .option("--admin", "who may do everything everywhere")
      .option("--full-name <text>", "for people to read")
      .option("--email <address>", "where to reach them")
      .option("--take-over", "also the repositories of that name that no account has")
      .action(add),
    dataFolderCommand("list", "list all users").action(list),
    dataFolderCommand("disable", "keep a user out, and everything of theirs in")
      .argument("<name>")
      .addHelpText("after", disableNotes)
      .action((name: string, options: DataFolderOptions) => setDisabled(name, true, options)),
    dataFolderCommand("enable", "let a disabled user in again")
      .argument("<name>")
      .action((name: string, options: DataFolderOptions) => setDisabled(name, false, options)),
    withPassword(
      dataFolderCommand("password", "give a user a new password").argument("<name>"),
    ).action(setPassword),
    dataFolderCommand("promote", "make a user an administrator")
      .argument("<name>")
      .action((name: string, options: DataFolderOptions) => setAdmin(name, true, options)),
    dataFolderCommand("demote", "make an administrator a plain user")
      .argument("<name>")
      .action((name: string, options: DataFolderOptions) => setAdmin(name, false, options)),
    dataFolderCommand("delete", "delete a user without repositories")
      .argument("<name>")
      .addHelpText("after", deleteNotes)
      .action(remove),
  ]);
}

function withPassword(command: Command): Command {
  return command
    .option("--generate", "make a random password and show it once")
    .addHelpText("after", passwordNotes);
}

/** The new password. The output shows it only if it was generated. */
async function newPassword(name: string, { generate }: PasswordOptions) {
  if (!generate) return { password: await readNewPassword(name), facts: {}, text: "" };
  const password = (await import("../../app/administration.ts")).generatePassword();
  return { password, facts: { password }, text: `; the password is ${password}` };
}

/** `user add` and `user password` also work before the first start of the server. */
const beforeFirstStart = { isNewAllowed: true };

function add(name: string, options: AddOptions): Promise<void> {
  const work: Work = async ({ accounts, actor }, say) => {
    const { password, facts, text } = await newPassword(name, options);
    const { admin, fullName, email, takeOver } = options;
    await accounts.users.add(actor, { name, password, isAdmin: admin, fullName, email, takeOver });
    say(
      { kind: "user", name, admin: admin === true, ...facts },
      `${admin ? "administrator" : "user"} ${name} added${text}`,
    );
  };
  return administer(options, work, beforeFirstStart);
}

function list(options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts }, say) => {
    for await (const user of everyPage(accounts.users.list)) {
      const { name, isAdmin: admin, disabled, fullName, email, createdAtMs } = user;
      const created = new Date(createdAtMs).toISOString();
      const notes = [
        ...(admin ? ["administrator"] : []),
        ...(disabled ? ["disabled"] : []),
        ...(fullName === "" ? [] : [fullName]),
        ...(email === null ? [] : [email]),
      ];
      say(
        { kind: "user", name, admin, disabled, fullName, email, created },
        notes.length === 0 ? name : `${name} (${notes.join(", ")})`,
      );
    }
  });
}

function setDisabled(name: string, disabled: boolean, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    const changed = await accounts.users.setDisabled(actor, name, disabled);
    const state = disabled ? "disabled" : "enabled";
    say(
      { kind: "user", name, disabled, changed },
      `${name} is ${state}${changed ? "" : " already"}`,
    );
  });
}

function setAdmin(name: string, admin: boolean, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    const changed = await accounts.users.setAdmin(actor, name, admin);
    const state = admin ? "an administrator" : "a plain user";
    say({ kind: "user", name, admin, changed }, `${name} is ${state}${changed ? "" : " already"}`);
  });
}

function setPassword(name: string, options: PasswordOptions): Promise<void> {
  const work: Work = async ({ accounts, actor }, say) => {
    const { password, facts, text } = await newPassword(name, options);
    await accounts.users.setPassword(actor, name, password);
    say({ kind: "user", name, ...facts }, `${name} has a new password${text}`);
  };
  return administer(options, work, beforeFirstStart);
}

function remove(name: string, options: DataFolderOptions): Promise<void> {
  return administer(options, async ({ accounts, actor }, say) => {
    await accounts.users.delete(actor, name);
    say({ kind: "user", name, deleted: true }, `user ${name} deleted`);
  });
}
