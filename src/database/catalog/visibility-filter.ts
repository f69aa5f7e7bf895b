import { sql, type RawBuilder } from "kysely";
import type { RepositoryName } from "../../oci/name.ts";
import { isNamedBy, pageOf, type Page } from "../query-parts.ts";
import type { Db } from "../schema.ts";

/** The repositories that a principal may pull. */
export type VisibilityFilter =
  | { readonly kind: "everything" }
  | { readonly kind: "public" }
  /**
   * Public repositories, the user's own, those of organisations that the user owns, and those with a permission for the
   * user or one of the user's teams.
   */
  | { readonly kind: "user"; readonly accountId: number }
  /** Public repositories, and those in the namespace that match one of these paths. `*` matches any characters. */
  | { readonly kind: "paths"; readonly namespace: string; readonly paths: readonly string[] };

export function createCatalogReads(db: Db) {
  return {
    /**
     * Names in bytewise order, after `last`, in one query. Its cost depends on the page and on the principal's own
     * repositories, not on the size of the registry.
     */
    async list(
      visibility: VisibilityFilter,
      { last = "", limit }: { readonly last?: string | undefined; readonly limit: number },
    ): Promise<Page<RepositoryName>> {
      const rows = limit + 1;
      const { rows: names } = await sql<{ readonly name: RepositoryName }>`
        ${namesFor(visibility, last, rows)} ORDER BY name LIMIT ${rows}`.execute(db);
      return pageOf(
        names.map(({ name }) => name),
        limit,
      );
    },
  };
}

function namesFor(visibility: VisibilityFilter, last: string, rows: number): RawBuilder<unknown> {
  const allPublic = sql`SELECT name FROM repositories WHERE visibility = 'public' AND name > ${last}`;
  const publicNames = sql`SELECT name FROM (${allPublic} ORDER BY name LIMIT ${rows}) AS open`;
  switch (visibility.kind) {
    case "everything":
      return sql`SELECT name FROM repositories WHERE name > ${last}`;
    case "public":
      return allPublic;
    case "user":
      return sql`${publicNames} ${ownNames(visibility.accountId, last)}`;
    case "paths":
      return sql`${publicNames} ${pathNames(visibility, last)}`;
  }
}

function ownNames(accountId: number, last: string): RawBuilder<unknown> {
  return sql`
    UNION SELECT repositories.name FROM accounts
      JOIN repositories ON repositories.namespace = accounts.name
      WHERE accounts.id = ${accountId} AND repositories.name > ${last}
    UNION SELECT repositories.name FROM members
      JOIN accounts ON accounts.id = members.organisation_id
      JOIN repositories ON repositories.namespace = accounts.name
      WHERE members.user_id = ${accountId} AND members.role = 'owner' AND repositories.name > ${last}
    UNION SELECT repositories.name FROM collaborators
      JOIN repositories ON repositories.id = collaborators.repository_id
      WHERE collaborators.user_id = ${accountId} AND repositories.name > ${last}
    UNION SELECT repositories.name FROM team_members
      JOIN team_permissions ON team_permissions.team_id = team_members.team_id
      JOIN repositories ON repositories.id = team_permissions.repository_id
      WHERE team_members.user_id = ${accountId} AND repositories.name > ${last}`;
}

const pathNames = (
  { namespace, paths }: Extract<VisibilityFilter, { kind: "paths" }>,
  last: string,
): RawBuilder<unknown> => sql`
    UNION SELECT name FROM repositories
      WHERE namespace = ${namespace} AND name > ${last} AND ${isNamedBy(paths)}`;

/**
 * SQL condition: the principal may pull the repository of the current row of `repositories`. `list` above
 * has the same rule as a list of names.
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
      return sql`(repositories.visibility = 'public'
        OR (repositories.namespace = ${namespace} AND ${isNamedBy(paths)}))`;
    }
  }
}
