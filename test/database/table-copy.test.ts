import assert from "node:assert/strict";
import path from "node:path";
import { describe, test } from "node:test";
import type { Database } from "../../src/database/contract.ts";
import { openPool } from "../../src/database/postgres/connection.ts";
import { beginSource, beginTarget } from "../../src/database/postgres/table-copy.ts";
import { openSqliteDatabase } from "../../src/database/sqlite/open.ts";
import { openSqliteSource, openSqliteTarget } from "../../src/database/sqlite/table-copy.ts";
import {
  copiedTables,
  copyTables,
  countRows,
  otherTables,
  type CopySource,
  type CopyTarget,
} from "../../src/database/table-copy.ts";
import { isPostgresTested, takeSchema } from "../support/postgres.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { parts } from "./contract/parts.ts";

/* Copies the databases of the contract from SQLite to the kind that is tested, and back to SQLite. */

const filesIn = (folder: string) => ({
  main: path.join(folder, "berth.db"),
  pullCounters: path.join(folder, "berth-counts.db"),
});
const files = () => filesIn(temporaryFolder());

/** A database in a new schema, as the target of a copy and as the source of the next one. */
async function openPostgres() {
  const { url } = await takeSchema();
  const during = async <T>(work: (pool: ReturnType<typeof openPool>) => Promise<T>): Promise<T> => {
    const pool = openPool({ url, pool: 1, prepare: false });
    return await work(pool).finally(() => void pool.close());
  };
  return {
    fill: (work: (target: CopyTarget) => Promise<unknown>) =>
      during(async (pool) => {
        const connection = await pool.connect();
        const target = (await beginTarget(connection)) ?? assert.fail("it is not empty");
        await work(target);
        await target.finish();
        connection.release();
      }),
    read: <T>(work: (source: CopySource) => Promise<T>) =>
      during(async (pool) => {
        const connection = await pool.connect();
        return await work(await beginSource(connection)).finally(() => connection.release(true));
      }),
  };
}

/** The same in new files. */
async function openSqlite(at = files()) {
  return {
    fill: async (work: (target: CopyTarget) => Promise<unknown>) => {
      const target = openSqliteTarget(at);
      await work(target).catch((error: unknown) => {
        target.close();
        throw error;
      });
      target.finish();
    },
    read: async <T>(work: (source: CopySource) => Promise<T>): Promise<T> => {
      const source = openSqliteSource(at);
      return await work(source).finally(() => source.close());
    },
    files: at,
  };
}

const openTested = isPostgresTested ? openPostgres : openSqlite;

async function dumpOf(source: CopySource): Promise<Readonly<Record<string, unknown>>> {
  const dump: Record<string, unknown> = {};
  for (const name of copiedTables) {
    const { columns, key } = await source.table(name);
    const rows = [];
    for await (const some of source.read({ name, key, columns: columns.toSorted() }))
      rows.push(...some);
    dump[name] = rows;
  }
  return dump;
}

/** A database in files that the steps of one part of the contract have filled. */
async function fillBySteps(part: string) {
  const source = await openSqlite();
  const database = await openSqliteDatabase(source.files.main);
  for (const [call] of parts.get(part) ?? []) await call(database);
  await database.close();
  return source;
}

async function searchAll(database: Database, word: string) {
  const query = { visibility: { kind: "everything" }, words: [word] } as const;
  return await database.search.find({ ...query, offset: 0, limit: 10, countAtMost: 10 });
}

describe("a copy of a database", () => {
  for (const part of parts.keys())
    test(`has all rows and next ids of the source, there and back again: ${part}`, async () => {
      const source = await fillBySteps(part);
      const [middle, back] = [await openTested(), await openSqlite()];
      let advanced = 0;
      const total = await source.read(async (rows) => {
        await middle.fill((target) => copyTables(rows, target, (count) => (advanced += count)));
        return await countRows(rows);
      });
      assert.ok(total > 0);
      assert.equal(advanced, 2 * total);
      await middle.read((rows) => back.fill((target) => copyTables(rows, target, () => undefined)));
      const dump = await source.read(dumpOf);
      assert.deepEqual(await middle.read(dumpOf), dump);
      assert.deepEqual(await back.read(dumpOf), dump);
      for (const name of ["accounts", "teams"])
        assert.equal(
          await back.read((rows) => rows.lastId(name)),
          await source.read((rows) => rows.lastId(name)),
        );
    });

  test("finds the same repositories", async () => {
    const source = await fillBySteps("catalog");
    const back = await openSqlite();
    const middle = await openTested();
    await source.read((rows) => middle.fill((target) => copyTables(rows, target, () => undefined)));
    await middle.read((rows) => back.fill((target) => copyTables(rows, target, () => undefined)));
    const [before, after] = [
      await openSqliteDatabase(source.files.main),
      await openSqliteDatabase(back.files.main),
    ];
    for (const word of ["app", "team", "linux"])
      assert.deepEqual(await searchAll(after, word), await searchAll(before, word), word);
    await before.close();
    await after.close();
  });

  test("knows each table, and copies none before those that its foreign keys name", async () => {
    const { files: at } = await fillBySteps("accounts");
    const source = openSqliteSource(at);
    const known = new Set<string>([...copiedTables, ...Object.keys(otherTables)]);
    source.close();
    const { default: SqliteDatabase } = await import("../../src/database/sqlite/driver.ts");
    const tablesOf = (file: string) => {
      const connection = new SqliteDatabase(file, { readonly: true });
      const rows = connection
        .prepare<[], { name: string; parent: string | null }>(
          `SELECT tables.name, keys."table" AS parent FROM pragma_table_list AS tables
           LEFT JOIN pragma_foreign_key_list(tables.name) AS keys
           WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'`,
        )
        .all();
      connection.close();
      return rows;
    };
    const rows = [...tablesOf(at.main), ...tablesOf(at.pullCounters)];
    assert.deepEqual([...new Set(rows.map(({ name }) => name))].toSorted(), [...known].toSorted());
    const place = (name: string): number => copiedTables.indexOf(name as (typeof copiedTables)[0]);
    for (const { name, parent } of rows)
      if (parent !== null && parent !== name && place(name) >= 0)
        assert.ok(place(parent) < place(name), `${name} before ${parent}`);
  });
});
