import { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { ConfigError } from "../config/problems.ts";
import type { Config } from "../config/schema.ts";
import type { KeyRing } from "../upkeep.ts";
import { dataFolderCommand, type DataFolderOptions } from "./data-folder.ts";
import { Failure, startFailure } from "./failure.ts";
import { createOutput } from "./output.ts";

interface RemoveOptions extends DataFolderOptions {
  readonly force?: true;
}

const notes = `
Tokens are signed with the newest key, for five minutes each. After a rotation the key before it is still
accepted until the last of its tokens is over, and a running server takes the new one within a minute. Who
else verifies Berth's tokens has to read /.well-known/jwks.json again.
`;

/** `berth keys list|rotate|remove`: the keys that tokens are signed with. */
export function keysCommand(): Command {
  const command = new Command("keys")
    .description("the keys that tokens are signed with")
    .addHelpText("after", notes);
  command.addCommand(
    dataFolderCommand("list", "list the keys, the one that signs first").action(list),
  );
  command.addCommand(
    dataFolderCommand("rotate", "make the key that signs from now on").action(rotate),
  );
  command.addCommand(
    dataFolderCommand("remove", "remove a key; no token of it is good any more")
      .argument("<id>", "as list shows it")
      .option("--force", "also while tokens of it are good: whoever holds one asks for another")
      .action(remove),
  );
  return command;
}

async function list(options: DataFolderOptions): Promise<void> {
  const output = createOutput(options);
  await withKeys(options, async (ring) => {
    for (const { id, algorithm, createdAtMs, endsAtMs } of await ring.list()) {
      const createdAt = new Date(createdAtMs).toISOString();
      const endsAt = endsAtMs === undefined ? null : new Date(endsAtMs).toISOString();
      const state =
        endsAt === null ? "signs" : `${ring.isOver(endsAtMs) ? "over since" : "until"} ${endsAt}`;
      output.say(
        { id, algorithm, createdAt, endsAt },
        `${id}  ${algorithm}  ${createdAt}  ${state}`,
      );
    }
  });
}

async function rotate(options: DataFolderOptions): Promise<void> {
  const output = createOutput(options);
  await withKeys(options, async (ring) => {
    const { id, algorithm } = await ring.rotate();
    output.say({ id, algorithm }, `${id} (${algorithm}) signs from now on`);
  });
}

async function remove(id: string, options: RemoveOptions): Promise<void> {
  const output = createOutput(options);
  await withKeys(options, async (ring) => {
    const outcome = await ring.remove(id, options.force === true);
    if (outcome.kind === "unknown") throw new Failure(`there is no key ${id}`);
    if (outcome.kind === "signs")
      throw new Failure(`${id} is the key that signs; run "berth keys rotate" first`);
    if (outcome.kind === "in use") {
      const until = new Date(outcome.endsAtMs).toISOString();
      throw new Failure(`tokens of ${id} are good until ${until}; --force ends them now`);
    }
    output.say({ id, removed: true }, `removed ${id}`);
  });
}

/** Runs `work` on the keys in the data folder. Neither database nor store is opened. */
async function withKeys(
  { config: configFile, data }: DataFolderOptions,
  work: (ring: KeyRing) => Promise<void>,
): Promise<void> {
  const loaded = await loadConfig({ configFile, flags: data === undefined ? {} : { data } });
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  const config: Config = loaded.config;
  const { openKeyRing, NoRegistryError } = await import("../upkeep.ts");
  try {
    await work(openKeyRing(config));
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof NoRegistryError) throw new Failure(error.message, { cause: error });
    throw startFailure(error, config);
  }
}
