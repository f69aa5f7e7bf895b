import { sql, type RawBuilder } from "kysely";
import type { VisibilityFilter } from "../registry/catalog.ts";

/**
 * SQL condition: the principal may pull the repository of the current row of `repositories`. `catalog.ts` has the same
 * rule as a list of names.
 */
export function isVisibleTo(visibility: VisibilityFilter): RawBuilder<boolean> {
  switch (visibility.kind) {
    case "everything":
      return sql`TRUE`;
    case "public":
      return sql`repositories.visibility = 'public'`;
    case "user": {
      const { accountId } = visibility;
      return sql`(repositories.visibility = 'public'
        OR EXISTS (SELECT 1 FROM accounts WHERE id = ${accountId} AND name = repositories.namespace)
        OR EXISTS (SELECT 1 FROM accounts JOIN members ON members.organisation_id = accounts.id
          WHERE accounts.name = repositories.namespace AND members.user_id = ${accountId} AND members.role = 'owner')
        OR EXISTS (SELECT 1 FROM collaborators
          WHERE repository_id = repositories.id AND user_id = ${accountId})
        OR EXISTS (SELECT 1 FROM team_members
          JOIN team_permissions ON team_permissions.team_id = team_members.team_id
          WHERE team_members.user_id = ${accountId} AND team_permissions.repository_id = repositories.id))`;
    }
    case "paths": {
      const { namespace, paths } = visibility;
      const globs = paths.filter((path) => !/[?[\]]/.test(path));
      const isNamed = sql.join(
        [sql`FALSE`, ...globs.map((glob) => sql`repositories.name GLOB ${glob}`)],
        sql` OR `,
      );
      return sql`(repositories.visibility = 'public'
        OR (repositories.namespace = ${namespace} AND (${isNamed})))`;
    }
  }
}
