import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase, { type Database } from "../../../src/database/sqlite/driver.ts";
import { readMigrations } from "../../../src/database/migrations.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";

const step = (version: number, text: string) => ({ version, name: `000${version}-step`, text });
const columnsOf = (connection: Database, table: string): unknown =>
  connection.prepare("SELECT name FROM pragma_table_info(?)").pluck().all(table);

describe("migrations", () => {
  test("are numbered without a gap and create the current schema in an empty database", () => {
    const migrations = readMigrations("sqlite");
    assert.deepEqual(
      migrations.map(({ version }) => version),
      migrations.map((_, index) => index + 1),
    );
    const connection = new SqliteDatabase(":memory:");
    migrate(connection);
    migrate(connection);
    assert.equal(
      connection.prepare("SELECT count(*) FROM schema_migrations").pluck().get(),
      migrations.length,
    );
    assert.ok((columnsOf(connection, "manifests") as string[]).includes("os_version"));
  });

  test("run only the missing steps, and keep the rows", () => {
    const connection = new SqliteDatabase(":memory:");
    migrate(connection, [step(1, "CREATE TABLE t (a)")]);
    connection.exec("INSERT INTO t VALUES (1)");
    migrate(connection, [step(1, "CREATE TABLE t (a)"), step(2, "ALTER TABLE t ADD COLUMN b")]);
    assert.deepEqual(connection.prepare("SELECT * FROM t").all(), [{ a: 1, b: null }]);
  });

  test("leave the database unchanged when a step fails", () => {
    const connection = new SqliteDatabase(":memory:");
    assert.throws(() => migrate(connection, [step(1, "CREATE TABLE t (a); CREATE TABLE t (a)")]));
    assert.deepEqual(columnsOf(connection, "t"), []);
    migrate(connection, [step(1, "CREATE TABLE t (a)")]);
    assert.deepEqual(columnsOf(connection, "t"), ["a"]);
  });

  test("reject a database that a newer program has migrated, and name the newest step", () => {
    const connection = new SqliteDatabase(":memory:");
    migrate(connection, [step(1, "CREATE TABLE t (a)"), step(2, "CREATE TABLE u (a)")]);
    assert.throws(
      () => migrate(connection, [step(1, "CREATE TABLE t (a)")]),
      /newer than this program.*0002-step/,
    );
  });
});
