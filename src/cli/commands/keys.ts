import { Command } from "commander";
import { withDatabase } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";
import { dataFolderCommand, group, type DataFolderOptions } from "../support/options.ts";

interface RemoveOptions extends DataFolderOptions {
  readonly force?: true;
}

const notes = `
The newest key signs the tokens; a token is valid for five minutes. After a
rotation the earlier key verifies tokens until its last token expires. A running
server uses the new key within a minute. Other services that verify Berth's
tokens must read /.well-known/jwks.json again.

With database.url the keys are in the database, encrypted with auth.keySecret.
To replace the secret, set the new one as auth.keySecret and the earlier one as
auth.oldKeySecret on all replicas, run "berth keys reseal", and remove
auth.oldKeySecret. Do not rotate meanwhile. It also encrypts the secrets of
webhooks again.
`;

/** `berth keys list|rotate|remove|reseal`: the keys that sign tokens. */
export function keysCommand(): Command {
  const command = new Command("keys")
    .description("list, rotate, remove and encrypt the keys that sign tokens")
    .addHelpText("after", notes);
  return group(command, [
    dataFolderCommand("list", "list the keys, the signing key first").action(list),
    dataFolderCommand("rotate", "create a new signing key").action(rotate),
    dataFolderCommand("remove", "remove a key; its tokens become invalid")
      .argument("<id>", "the id in the output of list")
      .option("--force", "also if its tokens are still valid: their clients get new ones")
      .action(remove),
    dataFolderCommand(
      "reseal",
      "encrypt the keys in the database with a new auth.keySecret",
    ).action(reseal),
  ]);
}

function list(options: DataFolderOptions): Promise<void> {
  return withDatabase(options, async (context, say) => {
    const keyRing = await context.keyRing();
    for (const { id, algorithm, createdAtMs, endsAtMs } of await keyRing.list()) {
      const createdAt = new Date(createdAtMs).toISOString();
      const endsAt = endsAtMs === undefined ? null : new Date(endsAtMs).toISOString();
      const state =
        endsAt === null
          ? "signs"
          : `${keyRing.isOver(endsAtMs) ? "expired" : "verifies until"} ${endsAt}`;
      say({ id, algorithm, createdAt, endsAt }, `${id}  ${algorithm}  ${createdAt}  ${state}`);
    }
  });
}

function rotate(options: DataFolderOptions): Promise<void> {
  return withDatabase(options, async (context, say) => {
    const keyRing = await context.keyRing();
    const { id, algorithm } = await keyRing.rotate();
    say({ id, algorithm }, `the new signing key is ${id} (${algorithm})`);
  });
}

function remove(id: string, options: RemoveOptions): Promise<void> {
  return withDatabase(options, async (context, say) => {
    const keyRing = await context.keyRing();
    const outcome = await keyRing.remove(id, options.force === true);
    if (outcome.kind === "unknown")
      throw new CliError(`there is no key ${id}; "berth keys list" lists all`);
    if (outcome.kind === "signs")
      throw new CliError(`${id} is the signing key; run "berth keys rotate" first`);
    if (outcome.kind === "in use") {
      const until = new Date(outcome.endsAtMs).toISOString();
      throw new CliError(
        `tokens of ${id} are valid until ${until}; remove it then, or now with --force`,
      );
    }
    say({ id, removed: true }, `removed ${id}`);
  });
}

function reseal(options: DataFolderOptions): Promise<void> {
  return withDatabase(options, async (context, say) => {
    const ids = await (await context.keyRing()).reseal();
    if (ids === undefined)
      throw new CliError(
        `the keys in ${context.config.data}/keys are not encrypted; reseal is for database.url`,
      );
    for (const id of ids) say({ id, resealed: true }, `encrypted ${id} with auth.keySecret`);
    for (const webhook of await (await context.webhooks()).reseal())
      say(
        { webhook, resealed: true },
        `encrypted the secret of webhook ${webhook} with auth.keySecret`,
      );
    for (const mirror of await (await context.addedMirrors()).reseal())
      say(
        { mirror, resealed: true },
        `encrypted the password of mirror ${mirror} with auth.keySecret`,
      );
  });
}
