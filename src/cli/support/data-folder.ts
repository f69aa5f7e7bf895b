import type { Accounts } from "../../accounts/accounts.ts";
import type { AppContext } from "../../app/context.ts";
import { demandConfig } from "../../config/load.ts";
import { openFailure, workFailure } from "./failure.ts";
import type { DataFolderOptions } from "./options.ts";
import { createSay, type Say } from "./output.ts";

/** Opens the data folder with its blobs, runs `work`, and closes the folder. A failure becomes one line. */
export function withDataFolder(
  options: DataFolderOptions,
  work: (context: AppContext, say: Say) => Promise<void>,
): Promise<void> {
  return withContext(options, { store: true }, (context) => work(context, createSay(options)));
}

/** The same without the blobs: only the database is opened. */
export function withDatabase(
  options: DataFolderOptions,
  work: (context: AppContext, say: Say) => Promise<void>,
): Promise<void> {
  return withContext(options, { store: false }, (context) => work(context, createSay(options)));
}

export interface AccountWork {
  readonly accounts: Accounts;
  /** The command line as the actor in the audit log. */
  readonly actor: AppContext["actor"];
  readonly say: Say;
}

/** {@link withDatabase} for accounts. With `isNewAllowed` it creates a missing registry, like a first start. */
export function withAccounts(
  options: DataFolderOptions,
  work: (parts: AccountWork) => Promise<void>,
  { isNewAllowed = false }: { readonly isNewAllowed?: boolean } = {},
): Promise<void> {
  return withContext(options, { store: false, isNewAllowed }, async (context) =>
    work({ accounts: await context.accounts(), actor: context.actor, say: createSay(options) }),
  );
}

async function withContext(
  { config: configFile, data }: DataFolderOptions,
  opens: { readonly store: boolean; readonly isNewAllowed?: boolean },
  work: (context: AppContext) => Promise<void>,
): Promise<void> {
  const { config } = await demandConfig({ configFile, flags: data === undefined ? {} : { data } });
  let context: AppContext;
  try {
    // Loaded here, so that the other commands start without it.
    const { openCommandContext } = await import("../../app/context.ts");
    context = await openCommandContext(config, opens);
  } catch (error) {
    throw openFailure(error, config);
  }
  try {
    await runAndClose(context, work);
  } catch (error) {
    throw workFailure(error, config);
  }
}

async function runAndClose(
  context: AppContext,
  work: (context: AppContext) => Promise<void>,
): Promise<void> {
  try {
    await work(context);
  } finally {
    await context.close();
  }
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
