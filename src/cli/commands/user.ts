import { Command } from "commander";
import { withAccounts, type AccountWork } from "../support/data-folder.ts";
import { serverCommand, group, type ServerOptions } from "../support/options.ts";
import { readNewPassword } from "../support/password.ts";
import { orNone } from "../support/output.ts";

interface PasswordOptions extends ServerOptions {
  readonly generate?: true;
}

interface AddOptions extends PasswordOptions {
  readonly admin?: true;
  readonly fullName?: string;
  readonly email?: string;
  readonly takeOver?: true;
}

const passwordNotes = `
The password is read from the terminal, or from the first line of standard
input. It is never an argument.
`;
const disableNotes = `
A disabled user has no permissions and cannot log in, neither with the password
nor with access tokens. Issued bearer tokens expire within 5 minutes. The
repositories and memberships stay.
`;
const deleteNotes = `
It also deletes the access tokens, memberships and permissions of the user. It
is rejected while the user has repositories, is the last owner of an
organisation, or is the last administrator.
`;

/** `berth user …` */
export function userCommand(): Command {
  return group(new Command("user").description("manage users; each user has a namespace"), [
    withPassword(serverCommand("add", "create a user").argument("<name>"))
      .option("--admin", "make the user an administrator")
      .option("--full-name <text>", "the name that pages show")
      .option("--email <address>", "the email address of the user")
      .option("--take-over", "take over existing repositories of this namespace")
      .action(add),
    serverCommand("list", "list all users").action(list),
    serverCommand("disable", "end the permissions of a user, and keep the data")
      .argument("<name>")
      .addHelpText("after", disableNotes)
      .action((name: string, options: ServerOptions) => setDisabled(name, true, options)),
    serverCommand("enable", "give a disabled user the permissions back")
      .argument("<name>")
      .action((name: string, options: ServerOptions) => setDisabled(name, false, options)),
    withPassword(serverCommand("password", "set the password of a user").argument("<name>")).action(
      setPassword,
    ),
    serverCommand("promote", "make a user an administrator")
      .argument("<name>")
      .action((name: string, options: ServerOptions) => setAdmin(name, true, options)),
    serverCommand("demote", "make an administrator an ordinary user")
      .argument("<name>")
      .action((name: string, options: ServerOptions) => setAdmin(name, false, options)),
    serverCommand("delete", "delete a user without repositories")
      .argument("<name>")
      .addHelpText("after", deleteNotes)
      .action(remove),
  ]);
}

function withPassword(command: Command): Command {
  return command
    .option("--generate", "generate a random password and print it once")
    .addHelpText("after", passwordNotes);
}

/** The new password. The output shows it only if it was generated. */
async function newPassword(name: string, { generate }: PasswordOptions) {
  if (!generate) return { password: await readNewPassword(name), facts: {}, text: "" };
  const { generatePassword } = await import("../../auth/passwords.ts");
  const password = generatePassword();
  return { password, facts: { password }, text: `; the password is ${password}` };
}

/** `user add` and `user password` also work before the first start of the server. */
const beforeFirstStart = { isNewAllowed: true };

function add(name: string, options: AddOptions): Promise<void> {
  const work = async ({ accounts, say }: AccountWork) => {
    const { password, facts, text } = await newPassword(name, options);
    const { admin, fullName, email, takeOver } = options;
    await accounts.users.add({ name, password, isAdmin: admin, fullName, email, takeOver });
    say(
      { kind: "user", name, admin: admin === true, ...facts },
      `${admin ? "administrator" : "user"} ${name} added${text}`,
    );
  };
  return withAccounts(options, work, beforeFirstStart);
}

function list(options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    for await (const user of orNone(accounts.users.list(), "no users")) {
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

function setDisabled(name: string, disabled: boolean, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const changed = await accounts.users.setDisabled(name, disabled);
    const state = disabled ? "disabled" : "enabled";
    say(
      { kind: "user", name, disabled, changed },
      `${name} is ${state}${changed ? "" : " already"}`,
    );
  });
}

function setAdmin(name: string, admin: boolean, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    const changed = await accounts.users.setAdmin(name, admin);
    const state = admin ? "an administrator" : "not an administrator";
    say({ kind: "user", name, admin, changed }, `${name} is ${state}${changed ? "" : " already"}`);
  });
}

function setPassword(name: string, options: PasswordOptions): Promise<void> {
  const work = async ({ accounts, say }: AccountWork) => {
    const { password, facts, text } = await newPassword(name, options);
    await accounts.users.setPassword(name, password);
    say({ kind: "user", name, ...facts }, `the password of ${name} is set${text}`);
  };
  return withAccounts(options, work, beforeFirstStart);
}

function remove(name: string, options: ServerOptions): Promise<void> {
  return withAccounts(options, async ({ accounts, say }) => {
    await accounts.users.delete(name);
    say({ kind: "user", name, deleted: true }, `user ${name} deleted`);
  });
}
