import type { TokenResource } from "./access-tokens.ts";
import type { CredentialRows } from "../permissions/identity.ts";
import type { Db } from "../schema.ts";

export function createSessionReads(db: Db) {
  return {
    /** The current rows of an account and of the access token with which it logged in, if it used one. */
    async find(
      accountId: number,
      accessTokenId: string | undefined,
    ): Promise<CredentialRows | undefined> {
      const row = await db
        .selectFrom("accounts")
        .leftJoin("access_tokens", (join) =>
          join
            .onRef("access_tokens.account_id", "=", "accounts.id")
            .on("access_tokens.id", "=", accessTokenId ?? ""),
        )
        .select([
          "accounts.id as id",
          "accounts.name as name",
          "accounts.kind as kind",
          "accounts.is_admin as isAdmin",
          "accounts.disabled as disabled",
          "accounts.password_changed_at as passwordChangedAtMs",
          "access_tokens.is_active as isActive",
          "access_tokens.expires_at as expiresAtMs",
          "access_tokens.scopes as scopes",
          "access_tokens.resources as resources",
        ])
        .where("accounts.id", "=", accountId)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { id, name, kind, passwordChangedAtMs, scopes, resources, expiresAtMs } = row;
      return {
        account: {
          ...{ id, name, kind, passwordChangedAtMs },
          ...{ isAdmin: row.isAdmin === 1, disabled: row.disabled === 1 },
        },
        token:
          scopes === null
            ? undefined
            : {
                isActive: row.isActive === 1,
                expiresAtMs,
                scopes: JSON.parse(scopes) as string[],
                resources: resources === null ? [] : (JSON.parse(resources) as TokenResource[]),
              },
      };
    },
  };
}
