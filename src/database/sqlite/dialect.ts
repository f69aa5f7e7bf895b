import {
  sql,
  SqliteAdapter,
  SqliteDialect,
  type DialectAdapter,
  type SqliteDatabase,
} from "kysely";
import type { BerthAdapter, Dialect, RunStatement } from "../dialect.ts";
import { escapeLike } from "../query-parts.ts";

const isOneOf: Dialect["isOneOf"] = (column, values) =>
  sql`${sql.ref(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;

const dialect: Dialect = {
  isOneOf,
  isOneKeyOf: ([one, other], first, seconds) =>
    sql`(${sql.ref(one)} = ${first} AND ${isOneOf(other, seconds)})`,
  // LIKE of SQLite ignores the case of ASCII letters; lower() would double the time of a search.
  containsText: (column, text) =>
    sql`${sql.ref(column)} LIKE ${`%${escapeLike(text.toLowerCase())}%`} ESCAPE '\\'`,
  isInLimited: (column, subquery) => sql`${sql.ref(column)} IN (${subquery})`,
  repositoryOfSubject: sql`substr(subject, 1, instr(replace(subject, '@', ':') || ':', ':') - 1)`,
  // A transaction that writes is alone.
  locked: (query) => query,
  lockName: async () => undefined,
};

class Adapter extends SqliteAdapter implements BerthAdapter {
  readonly dialect = dialect;
  readonly run: RunStatement;

  constructor(database: SqliteDatabase) {
    super();
    this.run = async (text, parameters) => {
      const statement = database.prepare(text);
      if (statement.reader) return statement.all(parameters);
      statement.run(parameters);
      return [];
    };
  }
}

/** Kysely's dialect, with {@link Dialect} for the queries that need it. */
export class BerthSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    super({ database });
    this.#database = database;
  }

  override createAdapter(): DialectAdapter {
    return new Adapter(this.#database);
  }
}
