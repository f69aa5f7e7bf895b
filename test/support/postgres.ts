import { randomBytes } from "node:crypto";
import process from "node:process";
import { openPool } from "../../src/database/postgres/connection.ts";
import { openPostgresDatabase, type PostgresDatabase } from "../../src/database/postgres/open.ts";

/** Whether the tests run on PostgreSQL. */
export const isPostgresTested = process.env["BERTH_TEST_DATABASE"] === "postgres";

/** The server of the tests; each test has a schema of its own in this database. */
const serverUrl =
  process.env["BERTH_TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres";
const options = { pool: 10, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };

async function runOnServer(text: string): Promise<void> {
  const pool = openPool({ ...options, url: serverUrl });
  try {
    await pool.read(text);
  } finally {
    await pool.close();
  }
}

/** Creates an empty schema. Resolves with the URL of a database whose tables are in this schema. */
export async function createTestSchema(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await runOnServer(`CREATE SCHEMA ${name}`);
  const url = new URL(serverUrl);
  url.searchParams.set("options", `-c search_path=${name}`);
  return { url: url.href, drop: () => runOnServer(`DROP SCHEMA ${name} CASCADE`) };
}

/** Opens a migrated database in a schema of its own, which `close` deletes. */
export async function openPostgresForTest(): Promise<{
  readonly database: PostgresDatabase;
  readonly url: string;
  readonly close: () => Promise<void>;
}> {
  const schema = await createTestSchema();
  const database = await openPostgresDatabase({ ...options, url: schema.url });
  if (database === undefined) throw new Error("the tables were not created");
  return {
    database,
    url: schema.url,
    close: async () => {
      await database.close();
      await schema.drop();
    },
  };
}
