import { sql, type RawBuilder } from "kysely";

/* Parts of queries that several files need. */

/** Escapes the special characters of LIKE with `\`. */
export const escapeLike = (text: string): string => text.replaceAll(/[\\%_]/g, "\\$&");

/** Repositories whose name matches one of the paths. `*` matches any characters. */
export function isNamedBy(paths: readonly string[]): RawBuilder<boolean> {
  // A path with a character that no repository name has matches nothing. LIKE of SQLite ignores the case of ASCII
  // letters, and names have no upper-case letters.
  const possible = paths.filter((path) => /^[a-z0-9._/*-]*$/.test(path));
  if (possible.length === 0) return sql`FALSE`;
  const patterns = possible.map((path) => escapeLike(path).replaceAll("*", "%"));
  return sql`(${sql.join(
    patterns.map((pattern) => sql`repositories.name LIKE ${pattern} ESCAPE '\\'`),
    sql` OR `,
  )})`;
}

/*
 * Literals instead of parameters: the query planner uses the partial indexes of these states. If a parameter decides
 * whether such an index fits, SQLite compiles the statement again at each run: storeBlob takes 60 % longer.
 */
export const notDeleting = sql<boolean>`blobs.state <> 'deleting'`;
export const isLive = sql<boolean>`blobs.state = 'live'`;
export const isMissing = sql<boolean>`blobs.state = 'missing'`;
export const isDeleting = sql<boolean>`blobs.state = 'deleting'`;

/** The sum of the sizes of the selected blobs; 0 if there are none. */
export const sumOfSizes = sql<number>`coalesce(sum(size_bytes), 0)`;

/** A number as a value that a query selects, where PostgreSQL would otherwise take it for text. */
export const bigint = (value: number): RawBuilder<number> => sql`CAST(${value} AS bigint)`;

/** SQLite allows 32,766 parameters per statement; a manifest of 4 MiB can have about as many references. */
const rowsAtOnce = 500;

/** The rows of each statement that reads or inserts many. */
export function* slicesOf<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < rows.length; start += rowsAtOnce)
    yield rows.slice(start, start + rowsAtOnce);
}

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
