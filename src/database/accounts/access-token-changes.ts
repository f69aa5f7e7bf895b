import type { TokenResource } from "./access-tokens.ts";
import type { AuditContext } from "./accounts.ts";
import { writeAudit } from "../events/audit.ts";
import type { Db } from "../schema.ts";

/** The client that created a token. A separate read: only the token's owner sees it. */
export interface TokenOrigin {
  readonly id: string;
  readonly peer: string;
  readonly agent: string;
  /** Name of the account that created the token; `null` if that account is deleted, or for the command line. */
  readonly createdBy: string | null;
}

export function createTokenOriginReads(db: Db) {
  return {
    /** Of every token of the account. */
    list: (accountId: number): Promise<readonly TokenOrigin[]> =>
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

export interface UpdateAccessToken extends AuditContext {
  readonly accountId: number;
  readonly id: string;
  /** An absent field stays unchanged. */
  readonly label?: string | undefined;
  readonly description?: string | undefined;
  readonly isActive?: boolean | undefined;
  readonly resources?: readonly TokenResource[] | undefined;
}

/** False if the account has no such token. */
async function updateAccessToken(
  tx: Db,
  { accountId, id, actor, nowMs, ...change }: UpdateAccessToken,
): Promise<boolean> {
  const found = await tx
    .selectFrom("access_tokens")
    .innerJoin("accounts", "accounts.id", "access_tokens.account_id")
    .select(["accounts.name as account", "accounts.kind as kind", "access_tokens.label as label"])
    .where("access_tokens.id", "=", id)
    .where("access_tokens.account_id", "=", accountId)
    .executeTakeFirst();
  if (found === undefined) return false;
  const { label = found.label, description, isActive, resources } = change;
  await tx
    .updateTable("access_tokens")
    .set({
      label,
      ...(description === undefined ? {} : { description }),
      ...(isActive === undefined ? {} : { is_active: isActive ? 1 : 0 }),
      ...(resources === undefined ? {} : { resources: JSON.stringify(resources) }),
    })
    .where("id", "=", id)
    .execute();
  await writeAudit(tx, {
    ...{ nowMs, actor, account: found.account, subject: label },
    action: `${found.kind === "user" ? "user" : "org"}.access_token.update`,
    data: { id, ...(isActive === undefined ? {} : { active: String(isActive) }) },
  });
  return true;
}

export const accessTokenChangeCommands = { updateAccessToken };
