import { sql, type RawBuilder } from "kysely";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { MemberRole, RepositoryRole } from "../accounts/schema.ts";
import { dialectOf } from "../dialect.ts";
import { noAccountId } from "../query-parts.ts";
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

/** The rank of the account's own role in a repository, and of the highest role of its teams; 0: no permission. */
export interface RoleRanks {
  readonly ownRank: number;
  readonly teamRank: number;
}

/** The higher role; `undefined`: no permission. */
export const roleOfRanks = ({ ownRank, teamRank }: RoleRanks): RepositoryRole | undefined =>
  rolesByRank[Math.max(ownRank, teamRank) - 1];

/** SQL of {@link RoleRanks} for a repository's id and an account's id. */
export const rankColumns = (repositoryId: RawBuilder<unknown>, accountId: RawBuilder<unknown>) => ({
  ownRank: sql<number>`coalesce((
    SELECT ${rank("permission")} FROM collaborators
    WHERE repository_id = ${repositoryId} AND user_id = ${accountId}), 0)`,
  teamRank: sql<number>`coalesce((
    SELECT max(${rank("team_permissions.permission")}) FROM team_permissions
    JOIN team_members ON team_members.team_id = team_permissions.team_id AND team_members.user_id = ${accountId}
    WHERE team_permissions.repository_id = ${repositoryId}), 0)`,
});

/** SQL for the rank of a column with a role. Ranks start at 1: `rolesByRank[rank - 1]`. */
const rank = (column: string): RawBuilder<number> =>
  sql`CASE ${sql.ref(column)} WHEN 'admin' THEN 3 WHEN 'write' THEN 2 ELSE 1 END`;

export function createRepositoryPermissionReads(db: Db) {
  return {
    /** Three queries by index, for any number of names. */
    async facts(
      accountId: number | undefined,
      names: readonly RepositoryName[],
    ): Promise<RepositoryPermissionFacts> {
      const dialect = dialectOf(db);
      const id = accountId ?? noAccountId;
      const { ownRank, teamRank } = rankColumns(sql`repositories.id`, sql`${id}`);
      const rows = await db
        .selectFrom("repositories")
        .select(["name", "visibility", ownRank.as("ownRank"), teamRank.as("teamRank")])
        .where(dialect.isOneOf("name", names))
        .execute();
      const roles = await db
        .selectFrom("accounts")
        .innerJoin("members", "members.organisation_id", "accounts.id")
        .select(["accounts.name as name", "members.role as role"])
        .where(dialect.isOneOf("accounts.name", [...new Set(names.map(namespaceOf))]))
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
          rows.map((row) => [row.name, { visibility: row.visibility, role: roleOfRanks(row) }]),
        ),
      };
    },
  };
}
