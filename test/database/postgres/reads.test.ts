import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openPostgresDatabase } from "../../../src/database/postgres/open.ts";
import { app, change } from "../contract/support.ts";
import { createTestSchema, isPostgresTested } from "../../support/postgres.ts";

/** A schema with one public repository takes the place of the primary, an empty schema that of the standby. */
async function openBoth(readUrl: (standby: string) => string) {
  const [primary, standby] = [await createTestSchema(), await createTestSchema()];
  const options = { pool: 3, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };
  const empty = await openPostgresDatabase({ ...options, url: standby.url });
  await empty?.close();
  const database = await openPostgresDatabase({
    ...options,
    url: primary.url,
    readUrl: readUrl(standby.url),
  });
  assert.ok(database);
  await database.commands.createRepository({ ...change, repository: app, visibility: "public" });
  const close = async (): Promise<void> => {
    await database.close();
    await primary.drop();
    await standby.drop();
  };
  return { database, close };
}

const everything = { kind: "everything" } as const;

const standbyTests = (): void => {
  test("lists come from it, and what a push or a permission needs comes from the primary", async () => {
    const { database, close } = await openBoth((url) => url);
    try {
      assert.deepEqual((await database.catalog.list(everything, { limit: 10 })).items, []);
      assert.equal((await database.facts.repositories.get(app)).isThere, true);
      assert.notEqual(await database.repositories.find(app), undefined);
    } finally {
      await close();
    }
  });

  test("lists come from the primary while it cannot be reached, under another version", async () => {
    const unreachable = "postgres://postgres@127.0.0.1:1/none";
    const { database, close } = await openBoth(() => unreachable);
    try {
      assert.deepEqual((await database.catalog.list(everything, { limit: 10 })).items, [app]);
      const during = await database.version();
      assert.equal(typeof during, "string");
    } finally {
      await close();
    }
  });
};

if (isPostgresTested) describe("a standby of PostgreSQL", standbyTests);
