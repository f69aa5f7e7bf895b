import type { Command } from "commander";
import type { Administration } from "../../app/administration.ts";
import type { Config } from "../../config/schema.ts";
import { withOpened, type DataFolderOptions } from "./data-folder.ts";
import { CliError } from "./failure.ts";
import { createOutput, type Output } from "./output.ts";

/** Writes one result: facts for programs, lines for users. */
export type Say = Output["say"];

/** Runs a command for accounts. A rejection becomes one line with its reason and the required first step. */
export function administer<T>(
  options: DataFolderOptions,
  work: (administration: Administration, say: Say) => Promise<T>,
  { isNewAllowed = false }: { readonly isNewAllowed?: boolean } = {},
): Promise<T> {
  const output = createOutput(options);
  const open = async (config: Config): Promise<Administration> =>
    (await import("../../app/administration.ts")).openAdmin(config, { isNewAllowed });
  return withOpened(options, open, async (administration) => {
    try {
      return await work(administration, (facts, ...lines) => output.say(facts, ...lines));
    } catch (error) {
      if (error instanceof Error && error.name === "AccountError")
        throw new CliError(error.message, { cause: error });
      throw error;
    }
  });
}

/** A command that only groups other commands. */
export function group(command: Command, commands: readonly Command[]): Command {
  for (const inner of commands) command.addCommand(inner);
  return command;
}

/** The items of all pages of a list. */
export async function* everyPage<Item extends { readonly name: string }>(
  list: (page: { last?: string | undefined; limit: number }) => Promise<{
    readonly items: readonly Item[];
    readonly more: boolean;
  }>,
): AsyncIterable<Item> {
  let last: string | undefined;
  for (;;) {
    const { items, more } = await list({ last, limit: 500 });
    yield* items;
    last = items.at(-1)?.name;
    if (!more) return;
  }
}
