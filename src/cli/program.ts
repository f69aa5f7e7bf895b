import { Command, CommanderError } from "commander";
import { isPrintableLine } from "../observability/printable.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand } from "./commands/backup.ts";
import { checkCommand } from "./commands/check.ts";
import { configCommand } from "./commands/config.ts";
import { databaseCommand } from "./commands/database.ts";
import { exportCommand } from "./commands/export.ts";
import { gcCommand } from "./commands/gc.ts";
import { importCommand } from "./commands/import.ts";
import { keysCommand } from "./commands/keys.ts";
import { mirrorCommand } from "./commands/mirror.ts";
import { orgCommand } from "./commands/org.ts";
import { quotaCommand } from "./commands/quota.ts";
import { readOnlyCommand } from "./commands/read-only.ts";
import { repoCommand } from "./commands/repo.ts";
import { restoreCommand } from "./commands/restore.ts";
import { retentionCommand } from "./commands/retention.ts";
import { scrubCommand } from "./commands/scrub.ts";
import { searchCommand } from "./commands/search.ts";
import { serveCommand } from "./commands/serve.ts";
import { storageCommand } from "./commands/storage.ts";
import { tagCommand } from "./commands/tag.ts";
import { teamCommand } from "./commands/team.ts";
import { tokenCommand } from "./commands/token.ts";
import { uploadCommand } from "./commands/upload.ts";
import { userCommand } from "./commands/user.ts";
import { webhookCommand } from "./commands/webhook.ts";
import { packageVersion } from "../config/package-version.ts";
import { print, printError } from "./support/output.ts";

const notes = `
Examples:
  $ berth serve                             run a server; creates the user admin
  $ berth serve --data /srv/berth           use another data folder than ./data
  $ berth serve --listen 127.0.0.1:8080     listen on another port
  $ berth serve --open                      no accounts: everyone may push
  $ berth serve --config berth.yaml         read the settings from a file
  $ berth user password admin               set the administrator's password
  $ berth user add mia                      create a user
  $ berth user list --host registry.example.com
                                            the same on a running server
  $ berth token create mia --label ci --scope repo:read
                                            create a token, to use as a password
  $ berth search nginx --host registry.example.com
  $ berth tag rollback team/app:1.4         move a tag to its previous digest
  $ berth repo delete team/app --yes        delete a repository
  $ berth quota set team 50GB               limit the bytes of a namespace
  $ berth read-only on --reason TEXT        reject pushes and deletions
  $ berth webhook create https://ci.example.com/hook --of team/app
                                            tell a program of pushes and more
  $ berth keys rotate                       create a new key to sign tokens
  $ berth retention plan team/app           list what the retention rules delete
  $ berth gc --dry-run                      list what nothing uses
  $ berth upload list                       list open uploads
  $ berth check                             compare the database with the files
  $ berth backup create /mnt/backup         add a point to a backup
  $ berth restore /mnt/backup --data new    make a registry of a backup
  $ berth import distribution /var/lib/registry --dry-run
                                            count the images of registry:2
  $ berth export team/app:1.4 image         write an image as an OCI layout
  $ berth storage copy --to s3.yaml         copy all blobs to another store
  $ berth database copy --to postgres.yaml  move the database to PostgreSQL
  $ berth config check --config berth.yaml  list all errors of the file
  $ berth config --help                     list all keys and their variables

Exit codes:
  0  success
  1  a failure, such as a port in use, or an error that check or scrub found
  2  a wrong command line or configuration
`;

/** The command line. Parsing rejects with a CommanderError, a ConfigError or a CliError. */
export function createProgram(): Command {
  const version = packageVersion();
  const program = new Command("berth")
    .description("An OCI image registry with the features of Docker Hub.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", notes)
    .hook("preAction", (_, command) => demandPrintable(command));
  const commands = [
    serveCommand(version),
    userCommand(),
    orgCommand(),
    teamCommand(),
    tokenCommand(),
    repoCommand(),
    tagCommand(),
    searchCommand(),
    mirrorCommand(),
    quotaCommand(),
    readOnlyCommand(),
    webhookCommand(),
    auditCommand(),
    keysCommand(),
    retentionCommand(),
    gcCommand(),
    checkCommand(),
    scrubCommand(),
    backupCommand(),
    restoreCommand(),
    importCommand(),
    exportCommand(),
    storageCommand(),
    databaseCommand(),
    uploadCommand(),
    configCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of withInner(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: print, writeErr: printError })
      .helpOption("-h, --help", "print this help")
      .showHelpAfterError(`See "${nameOf(command)} --help".`);
    // Names only, so that the list fits in 80 columns; the help of a command lists its arguments.
    if (command.commands.length > 0)
      command.configureHelp({ subcommandTerm: (inner) => inner.name() });
  }
  return program;
}

/** Rejects arguments and options with control characters, because commands may store them. Throws CommanderError. */
function demandPrintable(command: Command): void {
  const given = [
    ...command.args.map((text) => ["an argument", text] as const),
    ...Object.entries(command.opts()).flatMap(([name, value]: [string, unknown]) =>
      [value].flat().map((one) => [`--${name}`, one] as const),
    ),
  ];
  const wrong = given.find(([, text]) => typeof text === "string" && !isPrintableLine(text));
  if (wrong === undefined) return;
  const message = `error: ${wrong[0]} contains a control character, such as a line break or an escape`;
  printError(`${message}\n`);
  throw new CommanderError(2, "berth.unprintable", message);
}

function withInner(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withInner)];
}

/** `berth config check` */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
