import type { AccountRemoval } from "../database/accounts/account-removal.ts";
import type { AccountKind, CreateAccount } from "../database/accounts/accounts.ts";
import type { AccountDependents } from "../database/accounts/account-pages.ts";
import type { AuditContext } from "../database/events/audit.ts";
import type { Database } from "../database/contract.ts";
import { isSystemActorName } from "../database/permissions/authority.ts";
import { OciError } from "../oci/errors.ts";
import { parseNamespace } from "../oci/name.ts";
import { AccountError, unknownAccount } from "./errors.ts";

/** Checks the name of a new account. Throws AccountError. */
export function parseAccountName(text: string): string {
  const name = asAccountError(() => parseNamespace(text));
  if (isSystemActorName(name))
    throw new AccountError(
      "invalid",
      `invalid account name: the audit log uses ${name} for changes without an account`,
    );
  return name;
}

/** Runs a parser of names, and throws its OciError as an AccountError. */
export function asAccountError<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof OciError) throw new AccountError("invalid", error.message);
    throw error;
  }
}

/** Creates a user or an organisation with a name that {@link parseAccountName} checked. Throws AccountError. */
export async function addAccount(
  database: Pick<Database, "commands">,
  account: CreateAccount,
): Promise<void> {
  const created = await database.commands.createAccount(account);
  if (created === undefined) throw nameTaken(account.name);
  if (typeof created === "object") throw namespaceInUse(account.name, created.repositories);
}

export function nameTaken(name: string): AccountError {
  return new AccountError("exists", `there is an account ${name} already`);
}

/** A new account gets the repositories in its namespace; the operator must confirm this with `--take-over`. */
function namespaceInUse(name: string, repositories: number): AccountError {
  const advice = "use --take-over to give them to the new account, or choose another name";
  return new AccountError(
    "conflict",
    `${name} has repositories (${repositories}) without an owner: ${advice}`,
  );
}

/** Deletes a user or an organisation that nothing depends on. Throws AccountError. */
export async function removeAccount(
  database: Pick<Database, "commands">,
  account: AuditContext & { readonly name: string; readonly kind: AccountKind },
): Promise<void> {
  const { name, kind } = account;
  const removal: AccountRemoval = await database.commands.deleteAccount(account);
  const conflict = (message: string): AccountError => new AccountError("conflict", message);
  switch (removal.kind) {
    case "deleted":
      return;
    case "unknown":
      throw unknownAccount(kind, name);
    case "last-administrator":
      throw lastAdministrator(name);
    case "has-repositories":
      throw conflict(hasRepositories(name, removal.count));
    case "last-owner":
      throw lastOwner(name, removal.organisations);
  }
}

const hasRepositories = (name: string, count: number): string =>
  `${name} has repositories (${count}): delete them first`;

/** What prevents the deletion of an account, in sentences. */
export function dependentsOf(
  name: string,
  { repositories, organisations, isLastAdministrator }: AccountDependents,
): readonly string[] {
  return [
    ...(isLastAdministrator ? [lastAdministrator(name).message] : []),
    ...(repositories > 0 ? [hasRepositories(name, repositories)] : []),
    ...(organisations.length > 0 ? [lastOwner(name, organisations).message] : []),
  ];
}

export function lastAdministrator(name: string): AccountError {
  return new AccountError(
    "conflict",
    `${name} is the last administrator: make another user an administrator first`,
  );
}

export function lastOwner(name: string, organisations: readonly string[]): AccountError {
  return new AccountError(
    "conflict",
    `${name} is the last owner of ${organisations.join(", ")}: make another user an owner first`,
  );
}
