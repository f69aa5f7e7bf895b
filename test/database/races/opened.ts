import { randomBytes } from "node:crypto";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { openPool } from "../../../src/database/postgres/connection.ts";
import { openPostgresDatabase } from "../../../src/database/postgres/open.ts";
import { openSqliteInMemory } from "../../support/database.ts";
import { isPostgresTested, serverUrl } from "../../support/postgres.ts";
import { sqliteTables } from "../../support/tables.ts";
import type { OpenedForRaces } from "./race.ts";

const options = { pool: 8, prepare: true, listsMaxAgeMs: 0, isNewAllowed: true };

export const openForRaces = (): Promise<OpenedForRaces> =>
  isPostgresTested ? openPostgresForRaces() : openSqliteForRaces();

async function openSqliteForRaces(): Promise<OpenedForRaces> {
  const connection = new SqliteDatabase(":memory:");
  const database = openSqliteInMemory(connection);
  const tables = sqliteTables(connection);
  return {
    database,
    rows: (text) => tables.rows(text),
    deadlocks: async () => 0,
    close: () => database.close(),
  };
}

/** A database of its own on the server, which counts its deadlocks. */
async function openPostgresForRaces(): Promise<OpenedForRaces> {
  const name = `test_races_${randomBytes(6).toString("hex")}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const server = openPool({ ...options, pool: 1, url: serverUrl });
  await server.read(`CREATE DATABASE ${name}`);
  const database = await openPostgresDatabase({ ...options, url: url.href });
  if (database === undefined) throw new Error("the tables were not created");
  const rows = <Row>(text: string): Promise<readonly Row[]> => database.pool.read<Row>(text);
  return {
    database,
    rows,
    async deadlocks() {
      // The sessions report what they counted once a second.
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const [row] = await server.read<{ readonly deadlocks: number }>(
        `SELECT deadlocks FROM pg_stat_database WHERE datname = '${name}'`,
      );
      return row?.deadlocks ?? 0;
    },
    async close() {
      await database.close();
      await server.read(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await server.close();
    },
  };
}
