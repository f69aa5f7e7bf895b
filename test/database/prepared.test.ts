import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { queriesOnPool } from "../../src/database/postgres/connection.ts";
import { prepared, preparedForRows } from "../../src/database/prepared.ts";
import type { PlaceholderRows, Placeholders } from "../../src/database/prepared.ts";
import type { Db } from "../../src/database/schema.ts";
import { queriesOn } from "../../src/database/sqlite/connection.ts";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";

interface Parts {
  readonly one: string | null;
  readonly other: number;
}

const inMemory = (): Db => queriesOn(new SqliteDatabase(":memory:"));

/** Queries on PostgreSQL that return their own text and values as the only row. */
const onPostgres = (): Db =>
  queriesOnPool({ read: async (text, values) => [{ text, values }] as never[] });

describe("a prepared query", () => {
  test("is built once for each dialect, also on several connections", async () => {
    let built = 0;
    const query = prepared((_db, { one }: Placeholders<Pick<Parts, "one">>) => {
      built += 1;
      return sql<{ readonly one: string }>`SELECT ${one} AS one`;
    });
    const [first, second] = [inMemory(), inMemory()];
    assert.deepEqual(await query.execute(first, { one: "a" }), [{ one: "a" }]);
    assert.deepEqual(await query.execute(second, { one: "b" }), [{ one: "b" }]);
    assert.deepEqual(await query.execute(first, { one: "c" }), [{ one: "c" }]);
    assert.equal(built, 1);
    const postgres = { text: "SELECT $1 AS one", values: ["d"] };
    assert.deepEqual(await query.execute(onPostgres(), { one: "d" }), [postgres]);
    assert.deepEqual(await query.execute(onPostgres(), { one: "d" }), [postgres]);
    assert.equal(built, 2);
  });

  test("gets its values by name, each as often as it is named, and keeps its constants", async () => {
    const query = prepared(
      (_db, { one, other }: Placeholders<Parts>) =>
        sql<object>`SELECT ${other} AS a, ${"constant"} AS b, ${one} AS c, ${other} AS d`,
    );
    const db = inMemory();
    const row = { a: 7, b: "constant", c: "x", d: 7 };
    assert.deepEqual(await query.executeTakeFirst(db, { one: "x", other: 7 }), row);
    const next = { ...row, a: 8, c: null, d: 8 };
    assert.deepEqual(await query.executeTakeFirst(db, { other: 8, one: null }), next);
  });

  test("of no row is undefined, or an error where a row is demanded", async () => {
    const query = prepared(
      (_db, { other }: Placeholders<Pick<Parts, "other">>) =>
        sql<object>`SELECT 1 AS a WHERE ${other} > 1`,
    );
    const db = inMemory();
    assert.equal(await query.executeTakeFirst(db, { other: 1 }), undefined);
    await assert.rejects(query.executeTakeFirstOrThrow(db, { other: 1 }), /no row/);
    assert.deepEqual(await query.executeTakeFirstOrThrow(db, { other: 2 }), { a: 1 });
  });

  test("rejects with a DatabaseError, and not before it is awaited", async () => {
    const query = prepared((db, { one }: Placeholders<{ one: string }>) =>
      db.selectFrom("uploads").select("id").where("id", "=", one),
    );
    const rejected = query.execute(inMemory(), { one: "x" });
    await assert.rejects(rejected, { name: "DatabaseError", message: /no such table/ });
  });

  test("does not take all values at once, which would be none", async () => {
    const query = prepared((db, values: Placeholders<{ id: string; sequence: number }>) =>
      db.updateTable("repositories").set({ ...values } as never),
    );
    await assert.rejects(query.execute(inMemory(), { id: "x", sequence: 1 }), /names each/);
  });
});

describe("a prepared query for rows", () => {
  const built: number[] = [];
  const insert = preparedForRows((_db, rows: PlaceholderRows<Parts>) => {
    built.push(rows.length);
    const values = rows.map(({ one, other }) => sql`(${one}, ${other})`);
    return sql<{ readonly other: number }>`
      INSERT INTO parts (one, other) VALUES ${sql.join(values)} RETURNING other`;
  });

  test("is built once for each number of rows, and takes many rows in several statements", async () => {
    const connection = new SqliteDatabase(":memory:");
    connection.exec("CREATE TABLE parts (one TEXT, other INTEGER)");
    const db = queriesOn(connection);
    const rowsUpTo = (count: number): readonly Parts[] =>
      Array.from({ length: count }, (_, at) => ({ one: at % 2 === 0 ? null : `${at}`, other: at }));
    assert.deepEqual(await insert.execute(db, []), []);
    for (const count of [1, 2, 1, 2, 70]) {
      const rows = rowsUpTo(count);
      const others = await insert.execute(db, rows);
      assert.deepEqual(
        others.map(({ other }) => other),
        rows.map(({ other }) => other),
      );
      assert.deepEqual(connection.prepare("SELECT * FROM parts ORDER BY other").all(), rows);
      connection.exec("DELETE FROM parts");
    }
    assert.deepEqual(built, [1, 2, 32, 6]);
  });
});
