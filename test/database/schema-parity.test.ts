import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readMigrations } from "../../src/database/migrations.ts";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { createTestSchema, isPostgresTested, openPostgresAt } from "../support/postgres.ts";

/** What one database has alone. */
const onlySqlite = [
  /\bsqlite_sequence\b/,
  // The full-text index is a table of its own. In PostgreSQL it is a column with an index.
  /\bsearch_index/,
];
const onlyPostgres = [/^column search_documents\.words\b/, /^index search_documents_by_words\b/];

interface ColumnRow {
  readonly table: string;
  readonly name: string;
  readonly isNullable: 0 | 1 | boolean;
  readonly initial: string | null;
}

interface IndexRow {
  readonly table: string;
  readonly name: string;
  readonly columns: string;
  readonly isUnique: 0 | 1 | boolean;
}

/** The columns of other types than these in PostgreSQL: numbers are bigint, 0 or 1 is smallint, and text compares bytewise. */
const otherTypes = `
  SELECT relname || '.' || attname || ' ' || format_type(atttypid, atttypmod) AS name
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
  WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    AND relname <> 'schema_migrations' AND NOT (
      atttypid = ANY('{bigint, smallint, bytea, tsvector}'::regtype[])
      OR atttypid = 'text'::regtype AND attcollation = '"C"'::regcollation)`;

/** A line for each column, each unique key and each other index. */
function linesOf(
  columns: readonly ColumnRow[],
  indexes: readonly IndexRow[],
  ignored: readonly RegExp[],
): readonly string[] {
  const lines = [
    ...columns.map(({ table, name, isNullable, initial }) => {
      const constraint = isNullable ? "" : " NOT NULL";
      return `column ${table}.${name}${constraint}${initial === null ? "" : ` DEFAULT ${initial}`}`;
    }),
    ...indexes.map(({ table, name, columns: indexed, isUnique }) =>
      isUnique ? `key of ${table} (${indexed})` : `index ${name} on ${table} (${indexed})`,
    ),
  ];
  const all = [/\bschema_migrations\b/, ...ignored];
  return lines.filter((line) => !all.some((pattern) => pattern.test(line))).toSorted();
}

function sqliteSchema(): readonly string[] {
  const connections = (["sqlite", "counts"] as const).map((folder) => {
    const connection = new SqliteDatabase(":memory:");
    migrate(connection, readMigrations(folder));
    return connection;
  });
  const rows = <Row>(query: string): Row[] =>
    connections.flatMap((connection) => connection.prepare<[], Row>(query).all());
  const columns = rows<ColumnRow>(
    `SELECT tables.name AS "table", columns.name AS name, dflt_value AS initial,
       "notnull" = 0 AND pk = 0 AS isNullable
     FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns WHERE tables.type = 'table'`,
  );
  const keysOfTables = rows<IndexRow>(
    `SELECT tables.name AS "table", '' AS name, 1 AS isUnique,
       (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info(tables.name) WHERE pk > 0 ORDER BY pk)) AS columns
     FROM sqlite_schema AS tables WHERE tables.type = 'table'`,
  );
  const indexes = rows<IndexRow>(
    `SELECT tables.name AS "table", indexes.name AS name, indexes."unique" AS isUnique,
       (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(indexes.name) ORDER BY seqno))
         || iif(indexes.partial, ' WHERE', '') AS columns
     FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS indexes
     WHERE tables.type = 'table' AND indexes.origin <> 'pk'`,
  );
  return linesOf(columns, [...keysOfTables, ...indexes], onlySqlite);
}

async function postgresSchema(): Promise<readonly string[]> {
  const schema = await createTestSchema();
  const database = await openPostgresAt(schema.url);
  try {
    assert.deepEqual(await database.pool.read(otherTypes), []);
    const columns = await database.pool.read<ColumnRow>(
      `SELECT relname AS table, attname AS name, NOT attnotnull AS "isNullable",
         CASE attgenerated WHEN '' THEN regexp_replace(pg_get_expr(adbin, adrelid), '::\\w+$', '') END AS initial
       FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
       LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
       WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped`,
    );
    const indexes = await database.pool.read<IndexRow>(
      `SELECT tables.relname AS table, indexes.relname AS name, indisunique AS "isUnique",
         (SELECT string_agg(attname, ', ' ORDER BY place)
           FROM unnest(indkey) WITH ORDINALITY AS keys (key, place)
           JOIN pg_attribute ON attrelid = indrelid AND attnum = key)
           || CASE WHEN indpred IS NULL THEN '' ELSE ' WHERE' END AS columns
       FROM pg_index JOIN pg_class AS indexes ON indexes.oid = indexrelid
       JOIN pg_class AS tables ON tables.oid = indrelid
       WHERE tables.relnamespace = current_schema()::regnamespace AND tables.relkind = 'r'`,
    );
    return linesOf(columns, indexes, onlyPostgres);
  } finally {
    await database.close();
    await schema.drop();
  }
}

describe("the migrations of SQLite and PostgreSQL", () => {
  test("have the same numbers and names", () => {
    const names = (folder: "sqlite" | "postgres") => readMigrations(folder).map(({ name }) => name);
    assert.deepEqual(names("postgres"), names("sqlite"));
  });

  if (isPostgresTested)
    test("create the same tables, columns, keys and indexes", async () => {
      assert.deepEqual(await postgresSchema(), sqliteSchema());
    });
});
