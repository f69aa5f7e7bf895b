import { Command } from "commander";
import { administer, group } from "../support/administration.ts";
import { dataFolderCommand, type DataFolderOptions } from "../support/data-folder.ts";
import { CliError } from "../support/failure.ts";

interface RemoveOptions extends DataFolderOptions {
  readonly force?: true;
}

const notes = `
Tokens are signed with the newest key, for five minutes each. After a rotation the key before it is still
accepted until the last of its tokens is over, and a running server takes the new one within a minute. Who
else verifies Berth's tokens has to read /.well-known/jwks.json again.
`;

/** `berth keys list|rotate|remove`: the keys that sign tokens. */
export function keysCommand(): Command {
  const command = new Command("keys")
    .description("the keys that tokens are signed with")
    .addHelpText("after", notes);
  return group(command, [
    dataFolderCommand("list", "list the keys, the one that signs first").action(list),
    dataFolderCommand("rotate", "make the key that signs from now on").action(rotate),
    dataFolderCommand("remove", "remove a key; no token of it is good any more")
      .argument("<id>", "as list shows it")
      .option("--force", "also while tokens of it are good: whoever holds one asks for another")
      .action(remove),
  ]);
}

async function list(options: DataFolderOptions): Promise<void> {
  await administer(options, async ({ keys: ring }, say) => {
    for (const { id, algorithm, createdAtMs, endsAtMs } of await ring.list()) {
      const createdAt = new Date(createdAtMs).toISOString();
      const endsAt = endsAtMs === undefined ? null : new Date(endsAtMs).toISOString();
      const state =
        endsAt === null ? "signs" : `${ring.isOver(endsAtMs) ? "over since" : "until"} ${endsAt}`;
      say({ id, algorithm, createdAt, endsAt }, `${id}  ${algorithm}  ${createdAt}  ${state}`);
    }
  });
}

async function rotate(options: DataFolderOptions): Promise<void> {
  await administer(options, async ({ keys: ring }, say) => {
    const { id, algorithm } = await ring.rotate();
    say({ id, algorithm }, `${id} (${algorithm}) signs from now on`);
  });
}

async function remove(id: string, options: RemoveOptions): Promise<void> {
  await administer(options, async ({ keys: ring }, say) => {
    const outcome = await ring.remove(id, options.force === true);
    if (outcome.kind === "unknown") throw new CliError(`there is no key ${id}`);
    if (outcome.kind === "signs")
      throw new CliError(`${id} is the key that signs; run "berth keys rotate" first`);
    if (outcome.kind === "in use") {
      const until = new Date(outcome.endsAtMs).toISOString();
      throw new CliError(`tokens of ${id} are good until ${until}; --force ends them now`);
    }
    say({ id, removed: true }, `removed ${id}`);
  });
}
