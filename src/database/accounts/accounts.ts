import { writeAudit, type AuditContext } from "../events/audit.ts";
import { locked, lockName } from "../locks.ts";
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

export async function countRepositories(tx: Db, namespace: string): Promise<number> {
  const { count } = await tx
    .selectFrom("repositories")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("namespace", "=", namespace)
    .executeTakeFirstOrThrow();
  return count;
}
