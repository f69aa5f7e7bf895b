import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Database } from "../../../src/database/contract.ts";
import { readMigrations } from "../../../src/database/migrations.ts";
import { migrate as migratePostgres } from "../../../src/database/postgres/migrate.ts";
import { openPool } from "../../../src/database/postgres/connection.ts";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { openSqliteInMemory, openTestDatabase } from "../../support/database.ts";
import { createTestSchema, isPostgresTested, openPostgresAt } from "../../support/postgres.ts";
import { tablesAt } from "../../support/postgres-tables.ts";

const times = { created_at: 0, updated_at: 0 };

/** The names that a search finds, in its order, 2 on a page. Checks the number of all and the search without an order. */
async function find(database: Database, ...words: readonly string[]): Promise<readonly string[]> {
  const filter = { visibility: { kind: "everything" }, words } as const;
  const found: string[] = [];
  for (let offset = 0, total = 1; offset < total; offset += 2) {
    const page = { offset, limit: 2, countAtMost: 100 };
    const { items, total: all } = await database.search.find({ ...filter, ...page });
    found.push(...items.map(({ name }) => name));
    total = all;
    if (offset + 2 >= total) assert.equal(found.length, total, words.join(" "));
  }
  assert.equal((await database.search.all(filter, 100))?.length, found.length, words.join(" "));
  return found;
}

async function openWorld(names: readonly string[]) {
  const { tables, ...database } = await openTestDatabase();
  for (const [at, name] of names.entries())
    await tables.insert("repositories", {
      ...{
        id: at + 1,
        name,
        namespace: name.slice(0, name.indexOf("/")),
        visibility: "public",
        ...times,
      },
    });
  return { tables, database };
}

const longWord = "abcdefghijklmnopqrstuvwxyz0123456789";

describe("a search", () => {
  test("finds parts of names, after the names with a word that begins so", async () => {
    const names = ["team/pubapp", "ann/webapp2", "team/app-x", "bob/application", "team/other"];
    const { database } = await openWorld(names);
    assert.deepEqual(await find(database, "app"), [
      ...["team/app-x", "bob/application", "team/pubapp", "ann/webapp2"],
    ]);
    assert.deepEqual(await find(database, "ubap"), ["team/pubapp"]);
    assert.deepEqual(await find(database, "pp2"), ["ann/webapp2"]);
    assert.deepEqual(await find(database, "eam"), ["team/pubapp", "team/app-x", "team/other"]);
    assert.deepEqual(await find(database, "eam", "ther"), ["team/other"]);
    assert.deepEqual(await find(database, "team", "app"), ["team/app-x", "team/pubapp"]);
    assert.deepEqual(await find(database, "appx"), []);
    assert.deepEqual(await find(database, "p"), ["team/pubapp"]);
  });

  test("finds a repository with the exact name before names that contain it", async () => {
    const { database } = await openWorld(["a/xapp", "a/app1", "a/app", "a/app2"]);
    const exact = parseRepositoryName("a/app");
    const query = { visibility: { kind: "everything" }, words: ["a", "app"], exact } as const;
    const { items } = await database.search.find({
      ...{ ...query, offset: 0, limit: 10, countAtMost: 100 },
    });
    assert.deepEqual(
      items.map(({ name }) => name),
      ["a/app", "a/app1", "a/app2", "a/xapp"],
    );
  });

  test("finds parts of up to 16 characters of a name of 255 characters", async () => {
    const name = `team/${longWord.repeat(7).slice(0, 250)}`;
    const { database } = await openWorld([name]);
    assert.deepEqual(await find(database, longWord.slice(5, 21)), [name]);
    assert.deepEqual(await find(database, longWord.slice(5, 22)), []);
    assert.deepEqual(await find(database, longWord.slice(0, 30)), [name]);
  });

  test("follows a description, and forgets a deleted repository", async () => {
    const { database, tables } = await openWorld(["team/pubapp", "team/webapp"]);
    await tables.insert("repository_descriptions", {
      ...{ repository_id: 2, short_text: "an app of the web", full_text: "" },
    });
    assert.deepEqual(await find(database, "app"), ["team/webapp", "team/pubapp"]);
    assert.deepEqual(await find(database, "bapp"), ["team/pubapp", "team/webapp"]);
    await tables.exec("DELETE FROM repositories WHERE id = 1");
    assert.deepEqual(await find(database, "bap"), ["team/webapp"]);
  });

  test("finds parts of the names that were in the database before the migration", async () => {
    const steps = (kind: "sqlite" | "postgres") => {
      const all = readMigrations(kind);
      return all.slice(
        0,
        all.findIndex(({ name }) => name.endsWith("parts-of-names")),
      );
    };
    const row = "VALUES (1, 'team/pubapp', 'team', 0, 0)";
    const insert = `INSERT INTO repositories (id, name, namespace, created_at, updated_at) ${row}`;
    if (!isPostgresTested) {
      const connection = new SqliteDatabase(":memory:");
      migrate(connection, steps("sqlite"));
      connection.exec(insert);
      assert.deepEqual(await find(openSqliteInMemory(connection), "app"), ["team/pubapp"]);
      return;
    }
    const schema = await createTestSchema();
    const pool = openPool({ url: schema.url, pool: 2, prepare: true });
    await migratePostgres(pool, steps("postgres"));
    await pool.close();
    await tablesAt(schema.url).exec(insert);
    const database = await openPostgresAt(schema.url);
    try {
      assert.deepEqual(await find(database, "app"), ["team/pubapp"]);
    } finally {
      await database.close();
      await schema.drop();
    }
  });
});
