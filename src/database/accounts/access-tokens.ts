import type { AuditContext } from "./accounts.ts";
import { writeAudit } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** One resource of an organisation's access token: a repository, repositories by a glob, or the organisation itself. */
export interface TokenResource {
  readonly type: "TYPE_REPO" | "TYPE_ORG";
  /** `org/repo`, `org/*`, or every public repository, with the globs of the Hub API. */
  readonly path: string;
  /** `scope-image-pull`, `scope-image-push`, … */
  readonly scopes: readonly string[];
}

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
export interface TokenLogin {
  readonly token: AccessToken;
  readonly account: {
    readonly id: number;
    readonly name: string;
    readonly kind: "user" | "organisation";
    readonly isAdmin: boolean;
    readonly disabled: boolean;
  };
}

const columns = [
  "access_tokens.id as id",
  "access_tokens.label as label",
  "access_tokens.description as description",
  "access_tokens.scopes as scopes",
  "access_tokens.resources as resources",
  "access_tokens.is_active as is_active",
  "access_tokens.created_at as created_at",
  "access_tokens.expires_at as expires_at",
  "access_tokens.last_used_at as last_used_at",
] as const;

export function createAccessTokenReads(db: Db) {
  return {
    async login(secretHash: string): Promise<TokenLogin | undefined> {
      const row = await db
        .selectFrom("access_tokens")
        .innerJoin("accounts", "accounts.id", "access_tokens.account_id")
        .select([
          ...columns,
          "accounts.id as account_id",
          "accounts.name as name",
          "accounts.kind as kind",
          "accounts.is_admin as is_admin",
          "accounts.disabled as disabled",
        ])
        .where("access_tokens.secret_hash", "=", secretHash)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      return {
        token: tokenOf(row),
        account: {
          id: row.account_id,
          name: row.name,
          kind: row.kind,
          isAdmin: row.is_admin === 1,
          disabled: row.disabled === 1,
        },
      };
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
  };
}

interface TokenRow {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly scopes: string;
  readonly resources: string | null;
  readonly is_active: 0 | 1;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
}

function tokenOf(row: TokenRow): AccessToken {
  return {
    id: row.id,
    label: row.label,
    description: row.description,
    scopes: JSON.parse(row.scopes) as string[],
    resources: row.resources === null ? [] : (JSON.parse(row.resources) as TokenResource[]),
    isActive: row.is_active === 1,
    createdAtMs: row.created_at,
    expiresAtMs: row.expires_at,
    lastUsedAtMs: row.last_used_at,
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
async function createAccessToken(tx: Db, given: CreateAccessToken): Promise<boolean> {
  const { actor, nowMs } = given;
  const owner = await ownerOf(tx, given.accountId);
  if (owner === undefined) return false;
  // The account that creates the token may have been deleted in the meantime.
  const creator = await ownerOf(tx, actor.accountId ?? -1);
  await tx
    .insertInto("access_tokens")
    .values({
      id: given.id,
      account_id: given.accountId,
      label: given.label,
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
  const action = `${owner.prefix}.access_token.create`;
  const data = { id: given.id };
  await writeAudit(tx, { nowMs, actor, account: owner.name, action, subject: given.label, data });
  return true;
}

/** Deletes an access token of an account; it no longer authenticates. False if there is none. */
async function deleteAccessToken(
  tx: Db,
  { actor, nowMs, ...token }: AuditContext & { readonly accountId: number; readonly id: string },
): Promise<boolean> {
  const owner = await ownerOf(tx, token.accountId);
  const gone = await tx
    .deleteFrom("access_tokens")
    .where("id", "=", token.id)
    .where("account_id", "=", token.accountId)
    .returning("label")
    .executeTakeFirst();
  if (owner === undefined || gone === undefined) return false;
  const action = `${owner.prefix}.access_token.delete`;
  const data = { id: token.id };
  await writeAudit(tx, { nowMs, actor, account: owner.name, action, subject: gone.label, data });
  return true;
}

/** Records that the token was used. */
async function touchAccessToken(
  tx: Db,
  { id, nowMs }: { readonly id: string; readonly nowMs: number },
): Promise<void> {
  await tx.updateTable("access_tokens").set({ last_used_at: nowMs }).where("id", "=", id).execute();
}

async function ownerOf(tx: Db, accountId: number) {
  const row = await tx
    .selectFrom("accounts")
    .select(["id", "name", "kind"])
    .where("id", "=", accountId)
    .executeTakeFirst();
  return row && { id: row.id, name: row.name, prefix: row.kind === "user" ? "user" : "org" };
}

export const accessTokenCommands = { createAccessToken, deleteAccessToken, touchAccessToken };
