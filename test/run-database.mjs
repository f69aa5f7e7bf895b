import { randomBytes } from "node:crypto";
import pg from "pg";

/**
 * Creates a database for a run of tests on the PostgreSQL server that `url` names, and drops the databases of earlier
 * runs that were killed. A run keeps a connection to its database until `drop`, so a database without a connection is of
 * a run that has ended.
 * @param {string | undefined} url of any database of the server, for a user that may create databases
 */
export async function createRunDatabase(url) {
  if (url === undefined)
    throw new Error("BERTH_TEST_DATABASE=postgres needs BERTH_TEST_DATABASE_URL");
  const name = `berth_run_${randomBytes(6).toString("hex")}`;
  const own = new URL(url);
  own.pathname = name;
  const connection = new pg.Client(own.href);
  connection.on("error", () => undefined);
  await onServer(url, async (server) => {
    // Until this run has its connection, no other run may drop the database.
    await server.query("SELECT pg_advisory_lock(4713503)");
    const { rows: left } = await server.query(
      `SELECT datname AS name FROM pg_database WHERE datname LIKE 'berth\\_run\\_%' AND datname NOT IN
         (SELECT datname FROM pg_stat_activity WHERE datname IS NOT NULL)`,
    );
    for (const one of left) await server.query(`DROP DATABASE IF EXISTS ${one.name}`);
    await server.query(`CREATE DATABASE ${name}`);
    await connection.connect();
  });
  return {
    url: own.href,
    async drop() {
      await connection.end();
      await onServer(url, (server) => server.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

/**
 * @param {string} url
 * @param {(server: pg.Client) => Promise<unknown>} work
 */
async function onServer(url, work) {
  const server = new pg.Client(url);
  await server.connect();
  try {
    await work(server);
  } finally {
    await server.end();
  }
}
