import type { Config } from "../config/schema.ts";
import { AppContext } from "./context.ts";
import { demandOwner, prepareRegistry } from "./data-folder.ts";

/**
 * Opens the registry in the data folder for a command, also while a server runs on it.
 * @param options.store also opens the blob store and checks that it belongs to the database
 * @param options.isNewAllowed creates a missing registry with its first administrator, like a first start
 * @throws OwnerError, NoRegistryError, MismatchError, and errors of the store or the database
 */
export async function openCommandContext(
  config: Config,
  options: { readonly store: boolean; readonly isNewAllowed?: boolean },
): Promise<AppContext> {
  await demandOwner(config);
  const isNewAllowed = options.isNewAllowed ?? false;
  const isNew = await prepareRegistry(config, isNewAllowed);
  const context = new AppContext(config, { kind: "command", isNewAllowed });
  try {
    const database = await context.database();
    // The first server marks the instance, and in open mode it creates no administrator.
    if (isNew && (await database.instance.get()) === undefined)
      await (await context.accounts()).bootstrap(config.auth.adminPassword);
    if (options.store) {
      const { matchInstance } = await import("../maintenance/recovery.ts");
      const store = await context.store();
      const match = (): Promise<void> => matchInstance({ store, database });
      // The first match marks both, and a replica may start at the same time.
      const isMarked = (await database.instance.get()) !== undefined;
      await (isMarked ? match() : (database.coordination?.runAlone(match) ?? match()));
    }
    return context;
  } catch (error) {
    await context.close().catch(() => undefined);
    throw error;
  }
}
