import { sql } from "kysely";
import { writeAudit, type AuditContext } from "../events/audit.ts";
import { endWebhooks } from "../events/events.ts";
import { locked, lockName, lockRows } from "../locks.ts";
import { pageOf, type Page } from "../query-parts.ts";
import type { Db } from "../schema.ts";

export type AccountKind = "user" | "organisation";

export interface Account {
  readonly id: number;
  readonly name: string;
  readonly kind: AccountKind;
  readonly fullName: string;
  readonly email: string | null;
  readonly isAdmin: boolean;
  readonly disabled: boolean;
  readonly createdAtMs: number;
}

/** An account with its password hash. */
export interface Login {
  readonly account: Account;
  /** In the format of `auth/passwords.ts`; `null`: the account has no password. */
  readonly passwordHash: string | null;
}

export const accountColumns = [
  "id",
  "name",
  "kind",
  "full_name",
  "email",
  "is_admin",
  "disabled",
  "created_at",
] as const;

export function createAccountReads(db: Db) {
  return {
    find: (name: string): Promise<Account | undefined> => findAccount(db, name),

    async login(name: string): Promise<Login | undefined> {
      const row = await db
        .selectFrom("accounts")
        .select([...accountColumns, "password_hash"])
        .where("name", "=", name)
        .executeTakeFirst();
      return row && { account: accountOf(row), passwordHash: row.password_hash };
    },

    /** In the order of their names, after `last`. */
    async list(page: {
      readonly kind: AccountKind;
      readonly last?: string | undefined;
      readonly limit: number;
    }): Promise<Page<Account>> {
      const rows = await db
        .selectFrom("accounts")
        .select(accountColumns)
        .where("kind", "=", page.kind)
        .where("name", ">", page.last ?? "")
        .orderBy("name")
        .limit(page.limit + 1)
        .execute();
      return pageOf(rows.map(accountOf), page.limit);
    },
  };
}

const selectAccount = (db: Db, name: string) =>
  db.selectFrom("accounts").select(accountColumns).where("name", "=", name);

export async function findAccount(db: Db, name: string): Promise<Account | undefined> {
  const row = await selectAccount(db, name).executeTakeFirst();
  return row && accountOf(row);
}

/** Finds and locks an account that a command changes. */
export async function lockAccount(tx: Db, name: string): Promise<Account | undefined> {
  const account = locked(tx, selectAccount(tx, name), { mode: "change", table: "accounts" });
  const row = await account.executeTakeFirst();
  return row && accountOf(row);
}

interface AccountRow {
  readonly id: number;
  readonly name: string;
  readonly kind: AccountKind;
  readonly full_name: string;
  readonly email: string | null;
  readonly is_admin: 0 | 1;
  readonly disabled: 0 | 1;
  readonly created_at: number;
}

export function accountOf(row: AccountRow): Account {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    fullName: row.full_name,
    email: row.email,
    isAdmin: row.is_admin === 1,
    disabled: row.disabled === 1,
    createdAtMs: row.created_at,
  };
}

export interface CreateAccount extends AuditContext {
  readonly name: string;
  readonly kind: AccountKind;
  readonly fullName?: string | undefined;
  readonly email?: string | undefined;
  readonly isAdmin?: boolean | undefined;
  readonly passwordHash?: string | undefined;
  /** The account takes over the existing repositories of the namespace if no account has them. */
  readonly takeOver?: boolean | undefined;
}

/**
 * Returns the new account's id; `undefined` if the name is taken; the number of repositories if the account would have
 * to take some over and `takeOver` is not set.
 */
export async function createAccount(
  tx: Db,
  { actor, nowMs, ...given }: CreateAccount,
): Promise<number | { readonly repositories: number } | undefined> {
  await lockName(tx, `namespace ${given.name}`);
  if ((await findAccount(tx, given.name)) !== undefined) return undefined;
  const repositories = await countRepositories(tx, given.name);
  if (repositories > 0 && !given.takeOver) return { repositories };
  const made = await tx
    .insertInto("accounts")
    .values({
      name: given.name,
      kind: given.kind,
      full_name: given.fullName ?? "",
      email: given.email ?? null,
      is_admin: given.isAdmin ? 1 : 0,
      password_hash: given.passwordHash ?? null,
      password_changed_at: given.passwordHash === undefined ? null : nowMs,
      created_at: nowMs,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await writeAudit(tx, {
    nowMs,
    actor,
    account: given.name,
    action: given.kind === "user" ? "user.create" : "org.create",
    subject: given.name,
    data: {
      ...(given.isAdmin ? { admin: "true" } : {}),
      ...(repositories > 0 ? { repositories: String(repositories) } : {}),
    },
  });
  return made.id;
}

export type AccountRemoval =
  | { readonly kind: "deleted" | "unknown" | "last-administrator" }
  /** The next account with this name would get them. */
  | { readonly kind: "has-repositories"; readonly count: number }
  /** Organisations that would have no owner. */
  | { readonly kind: "last-owner"; readonly organisations: readonly string[] };

/** Deletes an account with its memberships, teams, permissions, access tokens and the invites that it has sent. */
export async function deleteAccount(
  tx: Db,
  given: AuditContext & { readonly name: string; readonly kind: AccountKind },
): Promise<AccountRemoval> {
  const { name, kind, actor, nowMs } = given;
  await lockName(tx, "administrators");
  await lockName(tx, `namespace ${name}`);
  await lockWithOrganisations(tx, name);
  const account = await findAccount(tx, name);
  if (account?.kind !== kind) return { kind: "unknown" };
  if (await isLastAdministrator(tx, account)) return { kind: "last-administrator" };
  const count = await countRepositories(tx, name);
  if (count > 0) return { kind: "has-repositories", count };
  const organisations = await organisationsOwnedAlone(tx, account.id);
  if (organisations.length > 0) return { kind: "last-owner", organisations };
  const action = kind === "user" ? "user.delete" : "org.delete";
  // Before the account's row is deleted: the audit row takes its account id, so that a later account with this name
  // does not get the row.
  await writeAudit(tx, { nowMs, actor, account: name, action, subject: name });
  await endWebhooks(tx, name, nowMs);
  await tx.deleteFrom("accounts").where("id", "=", account.id).execute();
  // As when an owner loses the role: an invite is valid only as long as its sender may send it.
  await tx.deleteFrom("invites").where("inviter", "=", account.name).execute();
  // A later account with this name begins without rules that delete its tags.
  await tx.deleteFrom("retention_policies").where("scope", "=", account.name).execute();
  return { kind: "deleted" };
}

/** Locks an account that will be deleted. Locks the organisations that it owns, so that their other owners stay. */
async function lockWithOrganisations(tx: Db, name: string): Promise<void> {
  const owned = tx
    .selectFrom("accounts")
    .innerJoin("members", "members.organisation_id", "accounts.id")
    .innerJoin("accounts as owner", "owner.id", "members.user_id")
    .select("accounts.id")
    .where("owner.name", "=", name)
    .where("members.role", "=", "owner")
    .orderBy("accounts.id");
  const account = tx.selectFrom("accounts").select("id").where("name", "=", name);
  await lockRows(tx, owned, { mode: "change", table: "accounts" });
  await lockRows(tx, account, { mode: "remove", table: "accounts" });
  // The account may have become an owner while this command waited for its row.
  await lockRows(tx, owned, { mode: "change", table: "accounts" });
}

/** Names of the organisations that the user alone owns. */
export async function organisationsOwnedAlone(tx: Db, userId: number): Promise<readonly string[]> {
  const owned = await tx
    .selectFrom("members as own")
    .innerJoin("accounts", "accounts.id", "own.organisation_id")
    .select("accounts.name")
    .where("own.user_id", "=", userId)
    .where("own.role", "=", "owner")
    .where(
      sql<boolean>`NOT EXISTS (SELECT 1 FROM members AS other WHERE other.organisation_id = own.organisation_id
        AND other.role = 'owner' AND other.user_id <> own.user_id)`,
    )
    .orderBy("accounts.name")
    .execute();
  return owned.map((row) => row.name);
}

export async function countRepositories(tx: Db, namespace: string): Promise<number> {
  const { count } = await tx
    .selectFrom("repositories")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("namespace", "=", namespace)
    .executeTakeFirstOrThrow();
  return count;
}

/**
 * Whether no other enabled administrator would remain without this account. The caller has locked "administrators".
 */
export async function isLastAdministrator(tx: Db, account: Account): Promise<boolean> {
  if (!account.isAdmin || account.disabled) return false;
  const other = await tx
    .selectFrom("accounts")
    .select("id")
    .where("is_admin", "=", 1)
    .where("disabled", "=", 0)
    .where("id", "<>", account.id)
    .executeTakeFirst();
  return other === undefined;
}
