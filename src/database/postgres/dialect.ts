import {
  PostgresAdapter,
  PostgresDialect,
  sql,
  type DialectAdapter,
  type PostgresDialectConfig,
} from "kysely";
import type { BerthAdapter, Dialect, RunStatement } from "../dialect.ts";
import { escapeLike } from "../query-parts.ts";

const clauses = {
  share: sql`FOR KEY SHARE`,
  change: sql`FOR NO KEY UPDATE`,
  remove: sql`FOR UPDATE`,
};

const dialect: Dialect = {
  isOneOf: (column, values) => sql`${sql.ref(column)} = ANY(${[...values]})`,
  isOneKeyOf: ([one, other], first, seconds) =>
    sql`(${sql.ref(one)}, ${sql.ref(other)}) IN (SELECT ${first}::bigint, unnest(${[...seconds]}::text[]))`,
  containsText: (column, text) => {
    const pattern = `%${escapeLike(text.toLowerCase())}%`;
    // Columns have the collation C, so lower() changes ASCII letters only, as LIKE of SQLite does. It takes half of the
    // time, 10 ms for 100,000 tags.
    const searched = /[a-z]/i.test(text) ? sql`lower(${sql.ref(column)})` : sql.ref(column);
    return sql`${searched} LIKE ${pattern} ESCAPE '\\'`;
  },
  // ARRAY() makes PostgreSQL run the subquery once per outer row, and not as a join.
  isInLimited: (column, subquery) => sql`${sql.ref(column)} = ANY(ARRAY(${subquery}))`,
  repositoryOfSubject: sql`split_part(replace(subject, '@', ':'), ':', 1)`,
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

class Adapter extends PostgresAdapter implements BerthAdapter {
  readonly dialect = dialect;
  readonly run: RunStatement;

  constructor(run: RunStatement) {
    super();
    this.run = run;
  }
}

/** Kysely's dialect, with {@link Dialect} for the queries that need it. */
export class BerthPostgresDialect extends PostgresDialect {
  readonly #run: RunStatement;

  constructor(config: PostgresDialectConfig, run: RunStatement) {
    super(config);
    this.#run = run;
  }

  override createAdapter(): DialectAdapter {
    return new Adapter(this.#run);
  }
}
