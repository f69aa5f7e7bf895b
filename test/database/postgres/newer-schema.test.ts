import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blob, rules } from "../contract/support.ts";
import { createTestSchema, isPostgresTested, openPostgresAt } from "../../support/postgres.ts";

const newerSchemaTests = (): void => {
  test("a running replica works on after a newer one has added a column to each table", async () => {
    const schema = await createTestSchema();
    const database = await openPostgresAt(schema.url);
    const work = async (text: string): Promise<void> => {
      const { repository, nowMs } = blob(text);
      const times = { started_at: nowMs, touched_at: nowMs };
      const upload = { id: text, repository, storage_reference: text, account_id: null, ...times };
      await database.commands.startUpload(upload);
      // With a quota the command runs, and not its shortcut.
      const limited = { ...rules, defaultQuotaBytes: 1_000 };
      const stored = { ...blob(text), rules: limited, uploadId: text };
      assert.equal(await database.commands.storeBlob(stored), "stored");
      assert.equal((await database.instance.get())?.id, "store");
      assert.equal((await database.mirrors.counters()).size, 1);
    };
    try {
      await database.commands.claimInstance({ id: "store" });
      await database.commands.addMirrorCounters({ namespace: "team", counts: { requests: 1 } });
      await work("before");
      await database.pool.read(`DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
          EXECUTE format('ALTER TABLE %I ADD COLUMN newer text', name);
        END LOOP; END $$`);
      await work("after");
    } finally {
      await database.close();
      await schema.drop();
    }
  });
};

if (isPostgresTested) describe("a database that a newer replica has migrated", newerSchemaTests);
