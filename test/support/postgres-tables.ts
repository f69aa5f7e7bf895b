import pg from "pg";
import { createTables, type TableAccess, type Tables } from "./tables.ts";

/** bigint and the sums of it are numbers. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC
      ? Number
      : pg.types.getTypeParser(oid, format),
};

/** The tables of the database that a URL names. */
export function tablesAt(url: string): Tables {
  const pool = new pg.Pool({
    ...{ connectionString: url, max: 2, idleTimeoutMillis: 1_000, allowExitOnIdle: true, types },
  });
  // The connection of a test of failures may break.
  pool.on("error", () => undefined);
  return createTables(accessTo(pool));
}

const accessTo = (pool: pg.Pool): TableAccess => ({
  ...accessOf(pool),
  whileWritersWait: (work) => whileLocked(pool, work),
});

function accessOf(connection: pg.Pool | pg.ClientBase): TableAccess {
  return {
    exec: (sql) => connection.query(sql),
    all: async (query, parameters) => {
      let position = 0;
      const text = query.replaceAll("?", () => `$${(position += 1)}`);
      return (await connection.query<object>(text, [...parameters])).rows;
    },
    // PostgreSQL checks references at each change.
    damage: () => Promise.resolve([]),
    whileWritersWait: () => Promise.reject(new Error("writers wait already")),
  };
}

/**
 * Tables that the server writes on connections of its own, and not by commands. If several of these writers waited, no
 * connection would be left for reads.
 */
const notOfCommands = [
  ...["leases", "login_attempts", "replicas", "schedules"],
  ...["pulls_known", "repository_counts", "repository_days", "tag_counts", "tag_days"],
];

/** Does the work in a transaction that has the lock of each table of commands against writers. */
async function whileLocked<T>(
  pool: pg.Pool,
  work: (inside: TableAccess) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query(`DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT quote_ident(tablename) FROM pg_tables
        WHERE schemaname = current_schema() AND tablename NOT IN (${notOfCommands.map((name) => `'${name}'`).join()}) LOOP
        EXECUTE 'LOCK TABLE ' || name || ' IN EXCLUSIVE MODE';
      END LOOP;
    END $$`);
    const result = await work(accessOf(client));
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    // The end of the connection rolls the transaction back.
    client.release(true);
    throw error;
  }
}
