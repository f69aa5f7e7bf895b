import { sql } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { MemberRole, RepositoryRole } from "../accounts/schema.ts";
import { noAccountId, oneOf } from "../query-parts.ts";
import type { Visibility } from "../registry/schema.ts";
import type { Db } from "../schema.ts";

/** The rows of an account and some repositories. The rules that use them are in `repository-rules.ts`. */
export interface RepositoryPermissionFacts {
  /** `undefined`: no account has this id. */
  readonly account:
    | { readonly name: string; readonly isAdmin: boolean; readonly disabled: boolean }
    | undefined;
  /** The account's role in the organisations among the namespaces of the names. */
  readonly roles: ReadonlyMap<string, MemberRole>;
  /** The repositories that exist. */
  readonly repositories: ReadonlyMap<RepositoryName, RepositoryRoleFacts>;
}

interface RepositoryRoleFacts {
  readonly visibility: Visibility;
  /** The highest role of the account itself and of its teams. */
  readonly role: RepositoryRole | undefined;
}

const rolesByRank = ["read", "write", "admin"] as const;

/** The role of a rank of {@link rankText}; `undefined` for 0, which is no permission. */
export const roleOfRank = (rank: number): RepositoryRole | undefined => rolesByRank[rank - 1];

/** SQL for the rank of a column with a role: 1 read, 2 write, 3 admin. */
export const rankText = (column: string): string =>
  `CASE ${column} WHEN 'admin' THEN 3 WHEN 'write' THEN 2 ELSE 1 END`;

export function createRepositoryPermissionReads(db: Db) {
  return {
    /** Three queries by index, for any number of names. */
    async facts(
      accountId: number | undefined,
      names: readonly RepositoryName[],
    ): Promise<RepositoryPermissionFacts> {
      const id = accountId ?? noAccountId;
      const rows = await db
        .selectFrom("repositories")
        .select([
          "name",
          "visibility",
          // Ranks start at 1: `rolesByRank[rank - 1]`.
          sql<number>`max(
            coalesce((SELECT ${sql.raw(rankText("permission"))} FROM collaborators
              WHERE repository_id = repositories.id AND user_id = ${id}), 0),
            coalesce((SELECT max(${sql.raw(rankText("team_permissions.permission"))}) FROM team_permissions
              JOIN team_members ON team_members.team_id = team_permissions.team_id AND team_members.user_id = ${id}
              WHERE team_permissions.repository_id = repositories.id), 0)
          )`.as("rank"),
        ])
        .where("name", "in", oneOf(names))
        .execute();
      const roles = await db
        .selectFrom("accounts")
        .innerJoin("members", "members.organisation_id", "accounts.id")
        .select(["accounts.name as name", "members.role as role"])
        .where("accounts.name", "in", [...new Set(names.map(namespaceOf))])
        .where("members.user_id", "=", id)
        .execute();
      const account = await db
        .selectFrom("accounts")
        .select(["name", "is_admin", "disabled"])
        .where("id", "=", id)
        .executeTakeFirst();
      return {
        account: account && {
          name: account.name,
          isAdmin: account.is_admin === 1,
          disabled: account.disabled === 1,
        },
        roles: new Map(roles.map(({ name, role }) => [name, role])),
        repositories: new Map(
          rows.map(({ name, visibility, rank }) => [name, { visibility, role: roleOfRank(rank) }]),
        ),
      };
    },
  };
}
