import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTestSchema, isPostgresTested, openPostgresAt } from "../../support/postgres.ts";

const integrityTests = (): void => {
  test("finds nothing without the extension amcheck, and an index that lacks a row with it", async () => {
    const schema = await createTestSchema();
    const database = await openPostgresAt(schema.url);
    try {
      const run = (text: string) => database.pool.read(text);
      assert.deepEqual(await database.integrity(false), []);
      await run("CREATE EXTENSION IF NOT EXISTS amcheck");
      assert.deepEqual(await database.integrity(true), []);
      assert.deepEqual(await database.integrity(false), []);

      // An index on a function whose results have changed has entries that its rows do not.
      const define = (result: string) =>
        run(`CREATE OR REPLACE FUNCTION bent(name text) RETURNS text
          LANGUAGE sql IMMUTABLE AS $$ SELECT ${result} $$`);
      await define("name");
      await run("CREATE INDEX accounts_bent ON accounts (bent(name))");
      await define("name || 'x'");
      const [damage, ...others] = await database.integrity(false);
      assert.match(damage ?? "", /^accounts_bent: .*lacks matching index tuple/);
      assert.deepEqual(others, []);
      assert.deepEqual(await database.integrity(true), []);
    } finally {
      await database.close();
      await schema.drop();
    }
  });

  test("rejects if it cannot read a table, because another session has locked it", async () => {
    const schema = await createTestSchema();
    const database = await openPostgresAt(schema.url);
    const other = await database.pool.connect();
    try {
      await database.pool.read("CREATE EXTENSION IF NOT EXISTS amcheck");
      await other.query("BEGIN; LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE");
      await other.query("SET LOCAL idle_in_transaction_session_timeout = 0");
      await assert.rejects(database.integrity(true), /lock timeout/);
    } finally {
      other.release(true);
      await database.close();
      await schema.drop();
    }
  });
};

if (isPostgresTested) describe("the check of a PostgreSQL database", integrityTests);
