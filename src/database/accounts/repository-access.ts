import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { isVisibleTo, type VisibilityFilter } from "../catalog/visibility-filter.ts";
import { dialectOf } from "../dialect.ts";
import type { Db } from "../schema.ts";
import type { RepositoryRole } from "./schema.ts";

/*
 * Who has which permission on a repository, and why. `permissions/repository-rules.ts` has the rules; a test compares
 * both.
 */

export interface AccessTarget {
  readonly repositoryId: number;
  readonly namespace: string;
}

/** A user with a permission on the repository, besides that of everyone on a public repository. */
export interface PersonWithAccess {
  readonly id: number;
  readonly name: string;
  readonly fullName: string;
}

/**
 * - `admin`: an administrator of the registry
 * - `owner`: the namespace is the user's own, or of an organisation that the user owns
 * - `own`: a permission of the user on this repository
 * - `team`: a permission of a team of the user
 */
export interface AccessReason {
  readonly userId: number;
  readonly kind: "admin" | "owner" | "own" | "team";
  readonly team: string | null;
  readonly permission: RepositoryRole;
}

interface Window {
  readonly limit: number;
  readonly offset: number;
}

export function createRepositoryAccessReads(db: Db) {
  return {
    /** By name. `search` is a part of the name. */
    async people(
      target: AccessTarget,
      { search = "", limit, offset }: Window & { readonly search?: string | undefined },
    ): Promise<readonly PersonWithAccess[]> {
      const { rows } = await sql<PersonWithAccess>`
        SELECT id, name, full_name AS "fullName" FROM accounts WHERE ${hasAccess(db, target, search)}
        ORDER BY name LIMIT ${limit} OFFSET ${offset}`.execute(db);
      return rows;
    },

    async countPeople(target: AccessTarget, search = ""): Promise<number> {
      const { rows } = await sql<{ readonly count: number }>`
        SELECT count(*) AS count FROM accounts WHERE ${hasAccess(db, target, search)}`.execute(db);
      return rows[0]?.count ?? 0;
    },

    /** At most `limit` reasons of each of these users, the highest permission first. */
    reasons: (target: AccessTarget, userIds: readonly number[], limit: number) =>
      reasonsOf(db, target, userIds, limit),

    /** The teams with a permission on a repository, by name, with the number of their members. */
    teams: (repositoryId: number, limit: number) =>
      db
        .selectFrom("team_permissions")
        .innerJoin("teams", "teams.id", "team_permissions.team_id")
        .select((query) => [
          "teams.name as name",
          "team_permissions.permission as permission",
          query
            .selectFrom("team_members")
            .select(({ fn }) => fn.countAll<number>().as("count"))
            .whereRef("team_id", "=", "teams.id")
            .$asScalar()
            .$notNull()
            .as("members"),
        ])
        .where("team_permissions.repository_id", "=", repositoryId)
        .orderBy("teams.name")
        .limit(limit)
        .execute(),

    /** The repositories on which a team has a permission, of those that a principal may pull, by name after `last`. */
    async ofTeam(
      teamId: number,
      visibility: VisibilityFilter,
      { last = "", limit }: { readonly last?: string | undefined; readonly limit: number },
    ): Promise<readonly { readonly name: RepositoryName; readonly permission: RepositoryRole }[]> {
      return db
        .selectFrom("team_permissions")
        .innerJoin("repositories", "repositories.id", "team_permissions.repository_id")
        .select(["repositories.name as name", "team_permissions.permission as permission"])
        .where("team_permissions.team_id", "=", teamId)
        .where("repositories.name", ">", last as RepositoryName)
        .where(isVisibleTo(visibility))
        .orderBy("repositories.name")
        .limit(limit)
        .execute();
    },

    async countOfTeam(teamId: number, visibility: VisibilityFilter): Promise<number> {
      const { count } = await db
        .selectFrom("team_permissions")
        .innerJoin("repositories", "repositories.id", "team_permissions.repository_id")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("team_permissions.team_id", "=", teamId)
        .where(isVisibleTo(visibility))
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}

async function reasonsOf(
  db: Db,
  { repositoryId, namespace }: AccessTarget,
  userIds: readonly number[],
  limit: number,
): Promise<readonly AccessReason[]> {
  const isOneOfThem = (column: string) => dialectOf(db).isOneOf(column, userIds);
  const all = sql`
    SELECT id AS "userId", 'admin' AS kind, NULL AS team, 'admin' AS permission FROM accounts
      WHERE ${isOneOfThem("id")} AND is_admin = 1
    UNION ALL SELECT id, 'owner', NULL, 'admin' FROM accounts
      WHERE ${isOneOfThem("id")} AND name = ${namespace}
    UNION ALL SELECT members.user_id, 'owner', NULL, 'admin' FROM members
      JOIN accounts ON accounts.id = members.organisation_id
      WHERE ${isOneOfThem("members.user_id")}
        AND accounts.name = ${namespace} AND members.role = 'owner'
    UNION ALL SELECT user_id, 'own', NULL, permission FROM collaborators
      WHERE ${isOneOfThem("user_id")} AND repository_id = ${repositoryId}
    UNION ALL SELECT team_members.user_id, 'team', teams.name, team_permissions.permission
      FROM team_permissions
      JOIN teams ON teams.id = team_permissions.team_id
      JOIN team_members ON team_members.team_id = teams.id
      WHERE ${isOneOfThem("team_members.user_id")}
        AND team_permissions.repository_id = ${repositoryId}`;
  const { rows } = await sql<AccessReason>`
    SELECT "userId", kind, team, permission FROM (
      SELECT reasons.*, row_number() OVER (PARTITION BY "userId" ORDER BY
        CASE permission WHEN 'admin' THEN 1 WHEN 'write' THEN 2 ELSE 3 END, kind, team) AS position
      FROM (${all}) AS reasons) AS ranked
    WHERE position <= ${limit} ORDER BY "userId", position`.execute(db);
  return rows;
}

/** SQL condition on a row of `accounts`. */
function hasAccess(
  db: Db,
  { repositoryId, namespace }: AccessTarget,
  search: string,
): RawBuilder<boolean> {
  const named = search === "" ? sql`TRUE` : dialectOf(db).containsText("name", search);
  return sql`kind = 'user' AND disabled = 0 AND ${named} AND id IN (
    SELECT id FROM accounts WHERE is_admin = 1 OR name = ${namespace}
    UNION SELECT members.user_id FROM members
      JOIN accounts ON accounts.id = members.organisation_id
      WHERE accounts.name = ${namespace} AND members.role = 'owner'
    UNION SELECT user_id FROM collaborators WHERE repository_id = ${repositoryId}
    UNION SELECT team_members.user_id FROM team_permissions
      JOIN team_members ON team_members.team_id = team_permissions.team_id
      WHERE team_permissions.repository_id = ${repositoryId})`;
}
