import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import SqliteDatabase, {
  type Database as SqliteConnection,
} from "../../src/database/sqlite/driver.ts";
import { createCommands } from "../../src/database/commands.ts";
import type { Database } from "../../src/database/contract.ts";
import { createGroupCommit } from "../../src/database/sqlite/group-commit.ts";
import { sqliteError } from "../../src/database/sqlite/errors.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { openSqliteDatabase } from "../../src/database/sqlite/open.ts";
import { createSqliteReads } from "../../src/database/sqlite/reads.ts";
import sqliteOnly from "../sqlite-only.json" with { type: "json" };
import {
  createTestSchema,
  isPostgresTested,
  openPostgresAt,
  openPostgresForTest,
  takeSchema,
  type TestSchema,
} from "./postgres.ts";
import { sqliteFileTables, sqliteTables, type Tables } from "./tables.ts";

/*
 * The databases of tests. Tests run on SQLite, and with BERTH_TEST_DATABASE=postgres on PostgreSQL
 * (BERTH_TEST_DATABASE_URL).
 */

/**
 * A test that does not hold on PostgreSQL. `test/sqlite-only.json` has its name and the reason.
 * @param body of the test
 */
export function testOnSqlite(name: string, body: () => Promise<void>): void {
  assert.ok(name in sqliteOnly.tests, `${name} is not in test/sqlite-only.json`);
  if (!isPostgresTested) test(name, body);
}

/** A database of a test, with its tables. */
export interface TestDatabase extends Database {
  readonly tables: Tables;
}

/** Opens an empty database. */
export async function openTestDatabase(): Promise<TestDatabase> {
  if (isPostgresTested) {
    const { database, tables, close } = await openPostgresForTest();
    after(close);
    return { ...database, tables, close };
  }
  const connection = new SqliteDatabase(":memory:");
  return { ...openSqliteInMemory(connection), tables: sqliteTables(connection) };
}

/** Opens the database of a data folder as a server does; creates or migrates it if needed. */
export async function openDatabaseOf(data: string): Promise<Database> {
  if (isPostgresTested) return await openPostgresAt((await schemaOf(data)).url);
  return await openSqliteDatabase(path.join(data, "berth.db"));
}

/** The tables of the database of a data folder. `file`: its SQLite database, if it has another name than usual. */
export async function tablesOf(data: string, file = path.join(data, "berth.db")): Promise<Tables> {
  return isPostgresTested ? (await schemaOf(data)).tables : sqliteFileTables(file);
}

/** The tables of the pull counters of a data folder. */
export const pullCounterTablesOf = (data: string): Promise<Tables> =>
  tablesOf(data, path.join(data, "berth-counts.db"));

/**
 * What the database of a data folder holds: the bytes of SQLite's files, one character each, with what is deleted or not
 * yet in its place; the values of all rows with PostgreSQL.
 */
export async function contentOf(data: string): Promise<string> {
  if (!isPostgresTested) {
    const files = readdirSync(data).filter((name) => name.startsWith("berth.db"));
    return files.map((name) => readFileSync(path.join(data, name), "latin1")).join("\n");
  }
  const { tables } = await schemaOf(data);
  const names = await tables.values(
    "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()",
  );
  const values: string[] = [];
  for (const name of names)
    for (const row of await tables.rows<object>(`SELECT * FROM ${String(name)}`))
      for (const value of Object.values(row) as unknown[])
        values.push(Buffer.isBuffer(value) ? value.toString("latin1") : JSON.stringify(value));
  return values.join("\n");
}

/** The configuration keys that a Berth on a data folder needs for its database: none with SQLite. */
export async function databaseSettings(data: string): Promise<Readonly<Record<string, string>>> {
  return isPostgresTested ? postgresSettings((await schemaOf(data)).url) : {};
}

/** The same for a database without a registry, which the folder has too. */
export async function emptyDatabaseSettings(): Promise<Readonly<Record<string, string>>> {
  if (!isPostgresTested) return {};
  const schema = await createTestSchema();
  after(() => schema.drop());
  return postgresSettings(schema.url);
}

function postgresSettings(url: string): Readonly<Record<string, string>> {
  return {
    "database.url": url,
    "database.listsMaxAge": "0s",
    "auth.keySecret": "the secret of the tests, which is long enough",
    publicUrl: "http://127.0.0.1",
  };
}

const schemas = new Map<string, Promise<TestSchema>>();

/** The schema of a data folder, as long as this process lives. */
function schemaOf(data: string): Promise<TestSchema> {
  const folder = path.resolve(data);
  let schema = schemas.get(folder);
  if (schema === undefined) {
    schema = takeSchema();
    schemas.set(folder, schema);
  }
  return schema;
}

/**
 * A database in memory with the writer's commands and transactions, but without its thread. It opens in 1 ms and runs
 * one command after another, so that a test can control every interleaving.
 */
export function openSqliteInMemory(connection: SqliteConnection): Database {
  connection.pragma("foreign_keys = ON");
  migrate(connection);
  const commit = createGroupCommit(connection);
  let commits = 0;
  const { reads, probe, close } = createSqliteReads(connection, {
    version: () => commits,
    invalidate: () => undefined,
  });
  let last: Promise<unknown> = Promise.resolve();

  const run = async (command: string, input: unknown): Promise<unknown> => {
    const request = { id: 1, command, input, flush: true };
    let given = false;
    const [answer] = await commit(() => {
      if (given) return undefined;
      given = true;
      return request;
    });
    commits += 1;
    if (answer === undefined) throw new Error("the command was not performed");
    if ("error" in answer) throw sqliteError(answer.error.message, answer.error.code);
    return answer.result;
  };
  const runInOrder = (name: string, input: unknown): Promise<unknown> => {
    const result = last.then(() => run(name, input));
    last = result.catch(() => undefined);
    return result;
  };
  const commands = createCommands(runInOrder);
  return {
    ...reads,
    commands,
    unflushedCommands: commands,
    writer: { run: runInOrder, probe, close },
    probe,
    close,
  };
}
