import { PostgresAdapter, PostgresDialect, sql, type DialectAdapter } from "kysely";
import type { AdapterWithDialect, Dialect } from "../dialect.ts";
import { escapeLike } from "../query-parts.ts";

const clauses = {
  share: sql`FOR KEY SHARE`,
  change: sql`FOR NO KEY UPDATE`,
  remove: sql`FOR UPDATE`,
};

const dialect: Dialect = {
  isOneOf: (column, values) => sql`${sql.ref(column)} = ANY(${[...values]})`,
  // Columns have the collation C, so lower() changes ASCII letters only, as LIKE of SQLite does.
  containsText: (column, text) =>
    sql`lower(${sql.ref(column)}) LIKE ${`%${escapeLike(text.toLowerCase())}%`} ESCAPE '\\'`,
  // ARRAY() makes PostgreSQL run the subquery once per outer row, and not as a join.
  isInLimited: (column, subquery) => sql`${sql.ref(column)} = ANY(ARRAY(${subquery}))`,
  locked: (query, ...locks) =>
    locks.reduce((rows, { mode, table, skipLocked }) => {
      const skip = skipLocked === true ? sql` SKIP LOCKED` : sql``;
      return rows.modifyEnd(sql`${clauses[mode]} OF ${sql.table(table)}${skip}`);
    }, query),
  async lockName(tx, name, how) {
    const key = sql`hashtextextended(${name}, 0)`;
    await sql`SELECT ${how === "shared" ? sql`pg_advisory_xact_lock_shared(${key})` : sql`pg_advisory_xact_lock(${key})`}`.execute(
      tx,
    );
  },
};

class Adapter extends PostgresAdapter implements AdapterWithDialect {
  readonly dialect = dialect;
}

/** Kysely's dialect, with {@link Dialect} for the queries that need it. */
export class BerthPostgresDialect extends PostgresDialect {
  override createAdapter(): DialectAdapter {
    return new Adapter();
  }
}
