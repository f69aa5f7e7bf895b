import { existsSync } from "node:fs";
import { createAccounts, type Accounts } from "../accounts/accounts.ts";
import { createKeyRing, type KeyRing } from "../auth/signing-keys/keys.ts";
import type { Config } from "../config/schema.ts";
import { openSqliteDatabase } from "../database/database.ts";
import type { Actor } from "../database/events/audit.ts";
import { systemActor } from "../database/permissions/authority.ts";
import { databaseFile, keysFolder, makeFolder, NoRegistryError } from "./stores.ts";

export { generatePassword } from "../auth/passwords.ts";

/** The operations of the commands for accounts on a data folder, also while a server runs on it. */
export interface Administration {
  readonly accounts: Accounts;
  readonly keys: KeyRing;
  /** The command line as the actor in the audit log. */
  readonly actor: Actor;
  readonly close: () => Promise<void>;
}

/**
 * The composition root of the commands for accounts: the database, without blobs and without HTTP.
 * @param options.isNewAllowed creates a missing registry with its first administrator, like a first start
 * @throws NoRegistryError
 */
export async function openAdmin(
  config: Config,
  { isNewAllowed = false }: { readonly isNewAllowed?: boolean } = {},
): Promise<Administration> {
  const file = databaseFile(config);
  const isNew = !existsSync(file);
  if (isNew && !isNewAllowed) {
    const advice = 'start "berth serve" once, or name the folder with --data';
    throw new NoRegistryError(`there is no registry in ${config.data}: ${advice}`);
  }
  if (isNew) await makeFolder(config.data);
  const database = await openSqliteDatabase(file);
  const clock = Date.now;
  const { algorithm, adminPassword } = config.auth;
  const accounts = createAccounts({ database, clock, createOnPush: true });
  if (isNew) await accounts.bootstrap(adminPassword);
  return {
    accounts,
    keys: createKeyRing({ folder: keysFolder(config), algorithm, clock }),
    actor: systemActor("berth"),
    close: () => database.close(),
  };
}
