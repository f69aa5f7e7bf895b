import { Command } from "commander";
import { checkCommand } from "./check.ts";
import { configCommand } from "./config.ts";
import { gcCommand } from "./gc.ts";
import { scrubCommand } from "./scrub.ts";
import { serveCommand } from "./serve.ts";
import { storageCommand } from "./storage.ts";
import { version } from "./version.ts";

const notes = `
Examples:
  $ berth serve --open                            everybody on this machine may pull, push and delete
  $ berth serve --open --data /srv/berth          keep the data somewhere else than in ./data
  $ berth serve --open --listen 127.0.0.1:8080    listen on another port
  $ berth serve --config /etc/berth/berth.yaml    take the settings from a file
  $ berth gc --dry-run                            list what nothing needs any more
  $ berth check                                   see whether rows and files agree
  $ berth storage copy --to s3.yaml               copy all blobs to another store
  $ berth config check --config berth.yaml        see whether the file is right
  $ berth config --help                           list every key and its environment variable

Exit codes:
  0  all is well
  1  a failure, such as a port in use, or something wrong that check or scrub found
  2  a wrong command line or configuration
`;

/** The command line. Parsing rejects with a CommanderError, a ConfigError or a Failure; nothing below ends the process. */
export function createProgram(): Command {
  const program = new Command("berth")
    .description("An OCI image registry with what people know from Docker Hub around it.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", notes);
  const commands = [
    serveCommand(),
    gcCommand(),
    checkCommand(),
    scrubCommand(),
    storageCommand(),
    configCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [
    program,
    ...commands,
    ...commands.flatMap(({ commands: inner }) => inner),
  ]) {
    command
      .exitOverride()
      .helpOption("-h, --help", "print this help")
      .showHelpAfterError(`See "${nameOf(command)} --help".`);
  }
  return program;
}

/** `berth config check` */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
