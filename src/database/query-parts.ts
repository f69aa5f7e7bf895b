import { sql, type RawBuilder } from "kysely";

/* Parts of queries that several files need. */

/** A list of values as one parameter: the SQL text does not depend on their number, so it is prepared once. */
export const oneOf = <T extends string | number>(values: readonly T[]): RawBuilder<T> =>
  sql<T>`(SELECT value FROM json_each(${JSON.stringify(values)}))`;

/** Repositories whose name matches one of the paths. `*` matches any characters. */
export function isNamedBy(paths: readonly string[]): RawBuilder<boolean> {
  // Repository names contain no other special characters of GLOB, so a path with one matches nothing.
  const globs = paths.filter((path) => !/[?[\]]/.test(path));
  if (globs.length === 0) return sql`FALSE`;
  return sql`(${sql.join(
    globs.map((glob) => sql`repositories.name GLOB ${glob}`),
    sql` OR `,
  )})`;
}

/**
 * A literal instead of a parameter, so that the query planner uses the unique index on the digests of blobs that are
 * not deleting.
 */
export const notDeleting = sql<boolean>`blobs.state <> 'deleting'`;

/** One page of a list; `more`: there are rows after it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** Makes a page of rows that were queried with `limit + 1`. */
export function pageOf<T>(rows: readonly T[], limit: number): Page<T> {
  return { items: rows.slice(0, limit), more: rows.length > limit };
}

/** An id that no account has. */
export const noAccountId = -1;
