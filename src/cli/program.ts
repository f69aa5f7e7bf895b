import { Command, CommanderError } from "commander";
import { isPrintableLine } from "../observability/printable.ts";
import { auditCommand } from "./commands/audit.ts";
import { checkCommand } from "./commands/check.ts";
import { configCommand } from "./commands/config.ts";
import { gcCommand } from "./commands/gc.ts";
import { keysCommand } from "./commands/keys.ts";
import { mirrorCommand } from "./commands/mirror.ts";
import { orgCommand } from "./commands/org.ts";
import { print, printError } from "./support/output.ts";
import { quotaCommand } from "./commands/quota.ts";
import { repoCommand } from "./commands/repo.ts";
import { searchCommand } from "./commands/search.ts";
import { scrubCommand } from "./commands/scrub.ts";
import { serveCommand } from "./commands/serve.ts";
import { storageCommand } from "./commands/storage.ts";
import { tagCommand } from "./commands/tag.ts";
import { teamCommand } from "./commands/team.ts";
import { tokenCommand } from "./commands/token.ts";
import { uploadCommand } from "./commands/upload.ts";
import { userCommand } from "./commands/user.ts";
import { version } from "./support/version.ts";

const notes = `
Examples:
  $ berth serve                                   the first start makes the administrator admin
  $ berth serve --data /srv/berth                 keep the data somewhere else than in ./data
  $ berth serve --listen 127.0.0.1:8080           listen on another port
  $ berth serve --open                            everybody on this machine may pull, push and delete
  $ berth serve --config /etc/berth/berth.yaml    take the settings from a file
  $ berth user password admin                     set the administrator's password; asks for it
  $ berth user add mia                            let somebody in; asks for the password
  $ berth token create mia --label ci --scope repo:read
                                                  make a secret that stands in for the password
  $ berth search nginx --host registry.example.com
                                                  find something on any server
  $ berth tag rollback team/app:1.4               point a tag where it pointed before
  $ berth repo delete team/app --yes              delete a repository with everything in it
  $ berth quota set team 50GB                     limit what a namespace may hold
  $ berth keys rotate                             sign tokens with another key from now on
  $ berth gc --dry-run                            list what nothing needs any more
  $ berth upload list                             see which uploads hold bytes
  $ berth check                                   see whether rows and files agree
  $ berth storage copy --to s3.yaml               copy all blobs to another store
  $ berth config check --config berth.yaml        see whether the file is right
  $ berth config --help                           list every key and its environment variable

Exit codes:
  0  all is well
  1  a failure, such as a port in use, or something wrong that check or scrub found
  2  a wrong command line or configuration
`;

/** The command line. Parsing rejects with a CommanderError, a ConfigError or a CliError. */
export function createProgram(): Command {
  const program = new Command("berth")
    .description("An OCI image registry with what people know from Docker Hub around it.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", notes)
    .hook("preAction", (_, command) => demandPrintable(command));
  const commands = [
    ...[serveCommand(), userCommand(), orgCommand(), teamCommand(), tokenCommand()],
    ...[repoCommand(), tagCommand(), searchCommand()],
    ...[mirrorCommand(), quotaCommand(), auditCommand(), keysCommand()],
    ...[gcCommand(), checkCommand(), scrubCommand(), storageCommand(), uploadCommand()],
    ...[configCommand()],
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of withInner(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: print, writeErr: printError })
      .helpOption("-h, --help", "print this help")
      .showHelpAfterError(`See "${nameOf(command)} --help".`);
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
  const message = `error: ${wrong[0]} holds a control character, such as a line break or an escape`;
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
