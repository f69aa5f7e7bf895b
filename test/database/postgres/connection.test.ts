import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openPool } from "../../../src/database/postgres/connection.ts";
import { isPostgresTested, serverUrl } from "../../support/postgres.ts";
import { waitUntil } from "../../support/wait.ts";

const connectionTests = (): void => {
  test("a statement whose connection was closed ends on the server too", async () => {
    const pool = openPool({ url: serverUrl, pool: 2, prepare: true });
    try {
      const connection = await pool.connect();
      const { rows } = await connection.query<{ readonly pid: number }>(
        "SELECT pg_backend_pid() AS pid",
      );
      await connection.query("SET statement_timeout = 0");
      const running = connection.query("SELECT pg_sleep(600)");
      connection.release(true);
      await assert.rejects(running, { code: "08006", failure: "gone" });
      const isOver = async (): Promise<boolean> => {
        const query = "SELECT 1 FROM pg_stat_activity WHERE pid = $1";
        return (await pool.read(query, [rows[0]?.pid])).length === 0;
      };
      await waitUntil("the statement has ended", isOver);
    } finally {
      await pool.close();
    }
  });
};

if (isPostgresTested) describe("a connection to PostgreSQL", connectionTests);
