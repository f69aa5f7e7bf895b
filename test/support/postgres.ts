import { randomBytes } from "node:crypto";
import process from "node:process";
import pg from "pg";
import { once } from "../../src/concurrency/single-flight.ts";
import { openPool } from "../../src/database/postgres/connection.ts";
import { migrate } from "../../src/database/postgres/migrate.ts";
import { openPostgresDatabase, type PostgresDatabase } from "../../src/database/postgres/open.ts";
import { tablesAt } from "./postgres-tables.ts";
import type { Tables } from "./tables.ts";

/*
 * Each test has a PostgreSQL schema of its own. To migrate one takes about 500 ms, and to empty one 5 ms. So the schemas
 * test_1, test_2 and so on are used again, also by later processes: a process holds an advisory lock for each schema
 * that it uses, and PostgreSQL releases the lock when the process ends. The schema test_0 stays as the migrations left
 * it.
 */

/** Whether the tests run on PostgreSQL. */
export const isPostgresTested = process.env["BERTH_TEST_DATABASE"] === "postgres";

/** The server of the tests; each test has a schema of its own in this database. */
export const serverUrl =
  process.env["BERTH_TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";

/** A migrated schema that no other test uses until it is released or this process ends. */
export interface TestSchema {
  /** The URL of a database whose only schema is this one. */
  readonly url: string;
  readonly tables: Tables;
  release(): Promise<void>;
}

/** The first number of the advisory locks of this file. */
const lockClass = 4_713_502;

/** Runs a query on the connection that holds the locks of this process. It does not keep the process alive. */
const onLockConnection = createLockConnection();

function createLockConnection(): (text: string) => Promise<readonly Record<string, unknown>[]> {
  // The types of pg lack these methods.
  type LockClient = pg.Client & { ref(): void; unref(): void };
  let connecting: Promise<LockClient> | undefined;
  let running = 0;
  return async (text) => {
    connecting ??= (async () => {
      const client = new pg.Client({ connectionString: serverUrl }) as LockClient;
      await client.connect();
      return client;
    })();
    const client = await connecting;
    running += 1;
    client.ref();
    try {
      const results = (await client.query(text)) as unknown as pg.QueryResult | pg.QueryResult[];
      return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
    } finally {
      running -= 1;
      if (running === 0) client.unref();
    }
  };
}

function urlOf(schema: string): string {
  const url = new URL(serverUrl);
  // Tests end with the process, so their commits need no flush.
  url.searchParams.set("options", `-c search_path=${schema} -c synchronous_commit=off`);
  return url.href.replaceAll("+", "%20");
}

async function makeSchema(schema: string): Promise<void> {
  await onLockConnection(`DROP SCHEMA IF EXISTS ${schema} CASCADE; CREATE SCHEMA ${schema}`);
  const pool = openPool({ url: urlOf(schema), pool: 1, prepare: false });
  try {
    await migrate(pool);
  } finally {
    await pool.close();
  }
}

/**
 * Statements that make a schema equal to test_0 again. Sent together without BEGIN they are one transaction, which ends
 * also if one fails: the next query on the connection can be of another suite of this process.
 */
const resetOf = once(async () => {
  await onLockConnection(`SELECT pg_advisory_lock(${lockClass}, 0)`);
  try {
    const [found] = await onLockConnection(
      "SELECT to_regclass('test_0.schema_migrations') IS NOT NULL AS is_there",
    );
    if (found?.["is_there"] !== true) await makeSchema("test_0");
  } finally {
    await onLockConnection(`SELECT pg_advisory_unlock(${lockClass}, 0)`);
  }
  const namesIn = async (catalog: string, column: string): Promise<string[]> =>
    (
      await onLockConnection(
        `SELECT ${column} AS name FROM ${catalog} WHERE schemaname = 'test_0' ORDER BY 1`,
      )
    ).map(({ name }) => String(name));
  const tables = await namesIn("pg_tables", "tablename");
  const sequences = await namesIn("pg_sequences", "sequencename");
  const filled: string[] = [];
  for (const table of tables) {
    const [row] = await onLockConnection(`SELECT count(*) AS rows FROM test_0.${table}`);
    if (Number(row?.["rows"]) > 0) filled.push(table);
  }
  return (schema: string): string =>
    [
      // Without triggers and without checks of foreign keys.
      "SET LOCAL session_replication_role = replica",
      `LOCK TABLE ${tables.map((table) => `${schema}.${table}`).join(", ")}`,
      ...tables.map((table) => `DELETE FROM ${schema}.${table}`),
      ...filled.map((table) => `INSERT INTO ${schema}.${table} SELECT * FROM test_0.${table}`),
      ...sequences.map(
        (name) => `SELECT setval('${schema}.${name}', last_value, is_called) FROM test_0.${name}`,
      ),
    ].join(";\n");
});

/** The numbers of the schemas of this process. PostgreSQL grants a lock to the connection that has it already. */
const numbers = new Set<number>();

async function lockFreeNumber(): Promise<number> {
  for (let number = 1; ; number += 1) {
    if (numbers.has(number)) continue;
    numbers.add(number);
    const [row] = await onLockConnection(
      `SELECT pg_try_advisory_lock(${lockClass}, ${number}) AS is_ours`,
    );
    if (row?.["is_ours"] === true) return number;
    numbers.delete(number);
  }
}

/** Takes a free schema, or creates one. It is as the migrations leave it. */
export async function takeSchema(): Promise<TestSchema> {
  const reset = await resetOf();
  const number = await lockFreeNumber();
  const schema = `test_${number}`;
  await onLockConnection(reset(schema)).catch(() => makeSchema(schema));
  const url = urlOf(schema);
  return {
    url,
    tables: tablesAt(url),
    release: async () => {
      await onLockConnection(`SELECT pg_advisory_unlock(${lockClass}, ${number})`);
      numbers.delete(number);
    },
  };
}

/** Creates a schema without tables. */
export async function createTestSchema(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await onLockConnection(`CREATE SCHEMA ${name}`);
  return { url: urlOf(name), drop: () => dropSchema(name) };
}

/** Autovacuum of its tables can be the other side of a deadlock, which PostgreSQL ends by failing one of the two. */
async function dropSchema(name: string, attempts = 5): Promise<void> {
  try {
    await onLockConnection(`DROP SCHEMA ${name} CASCADE`);
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "40P01" || attempts === 1) throw error;
    await dropSchema(name, attempts - 1);
  }
}

/** Opens the database that a URL names, and migrates it. */
export async function openPostgresAt(url: string): Promise<PostgresDatabase> {
  const options = { pool: 4, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };
  const database = await openPostgresDatabase({ url, ...options });
  if (database === undefined) throw new Error("the tables were not created");
  return database;
}

/** Opens an empty database in a schema of its own, until `close`. */
export async function openPostgresForTest(): Promise<{
  readonly database: PostgresDatabase;
  readonly url: string;
  readonly tables: Tables;
  readonly close: () => Promise<void>;
}> {
  const schema = await takeSchema();
  const database = await openPostgresAt(schema.url);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= database.close().then(() => schema.release()));
  return { database, url: schema.url, tables: schema.tables, close };
}
