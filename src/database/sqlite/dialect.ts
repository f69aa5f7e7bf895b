import { sql, SqliteAdapter, SqliteDialect, type DialectAdapter } from "kysely";
import type { AdapterWithDialect, Dialect } from "../dialect.ts";

const dialect: Dialect = {
  isOneOf: (column, values) =>
    sql`${sql.ref(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`,
  isInLimited: (column, subquery) => sql`${sql.ref(column)} IN (${subquery})`,
};

class Adapter extends SqliteAdapter implements AdapterWithDialect {
  readonly dialect = dialect;
}

/** Kysely's dialect, with {@link Dialect} for the queries that need it. */
export class BerthSqliteDialect extends SqliteDialect {
  override createAdapter(): DialectAdapter {
    return new Adapter();
  }
}
