import type { AppContext } from "../../app/context.ts";
import { demandConfig } from "../../config/load.ts";
import { localAccounts, type AdministeredAccounts } from "./administered.ts";
import { UsageError, openFailure, workFailure } from "./failure.ts";
import type { Remote } from "./remote.ts";
import type { DataFolderOptions, ServerOptions } from "./options.ts";
import { createSay, type Say } from "./output.ts";

/** Opens the data folder with its blobs, runs `work`, and closes the folder. A failure becomes one line. */
export function withDataFolder(
  options: DataFolderOptions,
  work: (context: AppContext, say: Say) => Promise<void>,
): Promise<void> {
  return withContext(options, { store: true }, (context) => work(context, createSay(options)));
}

/** {@link withDataFolder}, or with `--host` on a running server. */
export async function onFolderOrServer(
  options: ServerOptions,
  work: {
    readonly folder: (context: AppContext, say: Say) => Promise<void>;
    readonly server: (remote: Remote) => Promise<void>;
  },
): Promise<void> {
  const { host } = options;
  demandOnePlace(options);
  if (host === undefined) return withDataFolder(options, work.folder);
  const { withRemote } = await import("./remote.ts");
  return withRemote({ ...options, host }, work.server);
}

/** The same without the blobs: only the database is opened. */
export function withDatabase(
  options: DataFolderOptions,
  work: (context: AppContext, say: Say) => Promise<void>,
): Promise<void> {
  return withContext(options, { store: false }, (context) => work(context, createSay(options)));
}

export interface AccountWork {
  readonly accounts: AdministeredAccounts;
  readonly say: Say;
}

/**
 * {@link withDatabase} for accounts, or with `--host` on a running server. With `isNewAllowed` it creates a missing
 * registry, like a first start.
 */
export async function withAccounts(
  options: ServerOptions,
  work: (parts: AccountWork) => Promise<void>,
  { isNewAllowed = false }: { readonly isNewAllowed?: boolean } = {},
): Promise<void> {
  const { host } = options;
  demandOnePlace(options);
  if (host !== undefined) {
    const [{ withRemote }, { remoteAccounts }] = await Promise.all([
      import("./remote.ts"),
      import("./remote-accounts.ts"),
    ]);
    return withRemote({ ...options, host }, (remote) =>
      work({ accounts: remoteAccounts(remote), say: remote.say }),
    );
  }
  return withContext(options, { store: false, isNewAllowed }, async (context) => {
    const { keep } = context.config.audit;
    const accounts = localAccounts(await context.accounts(), context.actor, keep);
    await work({ accounts, say: createSay(options) });
  });
}

/**
 * A server has its own data folder and configuration, and a data folder needs no login: another option would be ignored.
 * Throws UsageError.
 */
function demandOnePlace(options: ServerOptions): void {
  const { host, data, config, login, passwordFile, ca, insecure } = options;
  if (host !== undefined && (data !== undefined || config !== undefined))
    throw new UsageError("--host is for a running server: leave --data and --config away");
  const remote = [login, passwordFile, ca, insecure];
  if (host === undefined && remote.some((one) => one !== undefined))
    throw new UsageError(
      "--login, --password-file, --ca and --insecure are for a running server: add --host",
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
    const { openCommandContext } = await import("../../app/command-context.ts");
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
