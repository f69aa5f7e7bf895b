import { writeAudit, type AuditContext } from "../events/audit.ts";
import type { TokenResource } from "../permissions/principal.ts";
import { noAccountId } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import type { Account } from "./accounts.ts";

/** A secret that a client sends instead of a password. The secret itself is not stored. */
export interface AccessToken {
  /** UUID. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** Of a user's token: only the highest scope. */
  readonly scopes: readonly string[];
  /** Of an organisation's token. */
  readonly resources: readonly TokenResource[];
  readonly isActive: boolean;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

/** An access token with its account. */
interface TokenLogin {
  readonly token: AccessToken;
  readonly account: Pick<Account, "id" | "name" | "kind" | "isAdmin" | "disabled">;
}

/** The client that created a token. A separate read: only the token's owner sees it. */
export interface TokenOrigin {
  readonly id: string;
  readonly peer: string;
  readonly agent: string;
  /** Name of the account that created the token; `null` if that account is deleted, or for the command line. */
  readonly createdBy: string | null;
}

const columns = [
  "access_tokens.id as id",
  "access_tokens.label as label",
  "access_tokens.description as description",
  "access_tokens.scopes as scopes",
  "access_tokens.resources as resources",
  "access_tokens.is_active as isActive",
  "access_tokens.created_at as createdAtMs",
  "access_tokens.expires_at as expiresAtMs",
  "access_tokens.last_used_at as lastUsedAtMs",
] as const;

export function createAccessTokenReads(db: Db) {
  return {
    async login(secretHash: string): Promise<TokenLogin | undefined> {
      const row = await db
        .selectFrom("access_tokens")
        .innerJoin("accounts", "accounts.id", "access_tokens.account_id")
        .select(columns)
        .select(["accounts.id as accountId", "name", "kind", "is_admin", "disabled"])
        .where("access_tokens.secret_hash", "=", secretHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { accountId, name, kind, is_admin, disabled, ...token } = row;
      return {
        token: tokenOf(token),
        account: {
          id: accountId,
          name,
          kind,
          isAdmin: is_admin === 1,
          disabled: disabled === 1,
        },
      };
    },

    /** `undefined`: there is no such token. */
    async labelOf(id: string): Promise<string | undefined> {
      const row = await db
        .selectFrom("access_tokens")
        .select("label")
        .where("id", "=", id)
        .executeTakeFirst();
      return row?.label;
    },

    /** Tokens of one account, oldest first. */
    async list(accountId: number): Promise<readonly AccessToken[]> {
      const rows = await db
        .selectFrom("access_tokens")
        .select(columns)
        .where("account_id", "=", accountId)
        .orderBy("created_at")
        .execute();
      return rows.map(tokenOf);
    },

    /** Where every token of the account was created. */
    origins: (accountId: number): Promise<readonly TokenOrigin[]> =>
      db
        .selectFrom("access_tokens")
        .leftJoin("accounts", "accounts.id", "access_tokens.created_by")
        .select([
          "access_tokens.id as id",
          "access_tokens.creator_peer as peer",
          "access_tokens.creator_agent as agent",
          "accounts.name as createdBy",
        ])
        .where("access_tokens.account_id", "=", accountId)
        .execute(),
  };
}

interface TokenRow extends Omit<AccessToken, "scopes" | "resources" | "isActive"> {
  readonly scopes: string;
  readonly resources: string | null;
  readonly isActive: 0 | 1;
}

function tokenOf({ scopes, resources, isActive, ...token }: TokenRow): AccessToken {
  return {
    ...token,
    scopes: JSON.parse(scopes) as string[],
    resources: resources === null ? [] : (JSON.parse(resources) as TokenResource[]),
    isActive: isActive === 1,
  };
}

export interface CreateAccessToken extends AuditContext {
  readonly id: string;
  readonly accountId: number;
  readonly label: string;
  readonly description: string;
  readonly secretHash: string;
  readonly scopes: readonly string[];
  readonly resources?: readonly TokenResource[] | undefined;
  readonly expiresAtMs: number | null;
  readonly creatorAgent: string;
}

/** False if the account no longer exists. */
export async function createAccessToken(tx: Db, given: CreateAccessToken): Promise<boolean> {
  const { id, label, actor, nowMs } = given;
  const owner = await findOwner(tx, given.accountId);
  if (owner === undefined) return false;
  // The account that creates the token may have been deleted in the meantime.
  const creator = await findOwner(tx, actor.accountId ?? noAccountId);
  await tx
    .insertInto("access_tokens")
    .values({
      id,
      account_id: given.accountId,
      label,
      description: given.description,
      secret_hash: given.secretHash,
      scopes: JSON.stringify(given.scopes),
      resources: given.resources === undefined ? null : JSON.stringify(given.resources),
      created_by: creator?.id ?? null,
      creator_peer: actor.peer,
      creator_agent: given.creatorAgent,
      created_at: nowMs,
      expires_at: given.expiresAtMs,
    })
    .execute();
  await auditToken(tx, given, owner, { change: "create", label });
  return true;
}

interface UpdateAccessToken extends AuditContext {
  readonly accountId: number;
  readonly id: string;
  /** An absent field stays unchanged. */
  readonly label?: string | undefined;
  readonly description?: string | undefined;
  readonly isActive?: boolean | undefined;
  readonly resources?: readonly TokenResource[] | undefined;
}

/** False if the account has no such token. */
export async function updateAccessToken(tx: Db, given: UpdateAccessToken): Promise<boolean> {
  const { accountId, id, label, description, isActive, resources } = given;
  const owner = await findOwner(tx, accountId);
  if (owner === undefined) return false;
  const changed = await tx
    .updateTable("access_tokens")
    .set((row) => ({
      label: label ?? row.ref("label"),
      ...(description === undefined ? {} : { description }),
      ...(isActive === undefined ? {} : { is_active: isActive ? 1 : 0 }),
      ...(resources === undefined ? {} : { resources: JSON.stringify(resources) }),
    }))
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .returning("label")
    .executeTakeFirst();
  if (changed === undefined) return false;
  const data = isActive === undefined ? {} : { active: String(isActive) };
  await auditToken(tx, given, owner, { change: "update", label: changed.label, data });
  return true;
}

/** Deletes an access token of an account; it no longer authenticates. False if there is none. */
export async function deleteAccessToken(
  tx: Db,
  given: AuditContext & { readonly accountId: number; readonly id: string },
): Promise<boolean> {
  const owner = await findOwner(tx, given.accountId);
  const gone = await tx
    .deleteFrom("access_tokens")
    .where("id", "=", given.id)
    .where("account_id", "=", given.accountId)
    .returning("label")
    .executeTakeFirst();
  if (owner === undefined || gone === undefined) return false;
  await auditToken(tx, given, owner, { change: "delete", label: gone.label });
  return true;
}

/** Records that the token was used. */
export async function touchAccessToken(
  tx: Db,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx.updateTable("access_tokens").set({ last_used_at: nowMs }).where("id", "=", id).execute();
}

type Owner = Pick<Account, "id" | "name" | "kind">;

function findOwner(tx: Db, accountId: number): Promise<Owner | undefined> {
  return tx
    .selectFrom("accounts")
    .select(["id", "name", "kind"])
    .where("id", "=", accountId)
    .executeTakeFirst();
}

function auditToken(
  tx: Db,
  { id, actor, nowMs }: AuditContext & { readonly id: string },
  { name: account, kind }: Owner,
  row: {
    readonly change: "create" | "update" | "delete";
    readonly label: string;
    readonly data?: Record<string, string>;
  },
): Promise<void> {
  const action = `${kind === "user" ? "user" : "org"}.access_token.${row.change}` as const;
  const data = { id, ...row.data };
  return writeAudit(tx, { nowMs, actor, account, action, subject: row.label, data });
}
