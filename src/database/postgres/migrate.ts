import { demandKnown, newerDatabase, readMigrations, type Migration } from "../migrations.ts";
import type { PooledConnection, PostgresPool } from "./connection.ts";

interface Applied {
  readonly version: number;
  readonly name: string;
  /** The oldest program that may run on the database after this step, by its newest migration. */
  readonly readable_by: number;
}

/** Two processes that start at once migrate one after the other. The number is Berth's own. */
const lockId = 4_713_501;

/**
 * Migrates the database to the version of this program, all steps in one transaction. There are only forward steps. An
 * older program may run on a newer database if each step that it does not know says so: `-- readable by: NNNN` in its
 * first line names the newest migration of the oldest program that may still run. Rejects with DatabaseError, or with an
 * Error if a newer program has changed the database so that this one cannot use it.
 */
export async function migrate(
  pool: PostgresPool,
  migrations: readonly Migration[] = readMigrations("postgres"),
): Promise<void> {
  const connection = await pool.connect();
  let isDone = false;
  try {
    await connection.query(
      `BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
       SELECT pg_advisory_xact_lock(${lockId})`,
    );
    await runSteps(connection, migrations);
    await connection.query("COMMIT");
    isDone = true;
  } finally {
    // The end of the connection rolls the transaction back.
    connection.release(!isDone);
  }
}

async function runSteps(
  connection: PooledConnection,
  migrations: readonly Migration[],
): Promise<void> {
  const { rows: tables } = await connection.query<{ readonly found: string | null }>(
    "SELECT to_regclass('schema_migrations')::text AS found",
  );
  if (tables[0]?.found == null)
    await connection.query(
      `CREATE TABLE schema_migrations (version bigint PRIMARY KEY, name text NOT NULL,
         applied_at bigint NOT NULL, readable_by bigint NOT NULL)`,
    );
  const { rows: applied } = await connection.query<Applied>(
    "SELECT version, name, readable_by FROM schema_migrations ORDER BY version",
  );
  const newest = migrations.at(-1)?.version ?? 0;
  for (const step of applied) {
    if (step.version <= newest) demandKnown(step, migrations);
    else if (step.readable_by > newest) throw new Error(newerDatabase(step.name));
  }
  for (const step of migrations.slice(applied.length)) {
    await connection.query(step.text);
    await connection.query(
      `INSERT INTO schema_migrations (version, name, applied_at, readable_by)
       VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $3)`,
      [step.version, step.name, readableBy(step)],
    );
  }
}

/** The database has a schema of Berth. */
export async function isMigrated(pool: PostgresPool): Promise<boolean> {
  const rows = await pool.read<{ readonly found: string | null }>(
    "SELECT to_regclass('schema_migrations')::text AS found",
  );
  return rows[0]?.found != null;
}

/** A step without a line of its own is only readable by programs that know it. */
const readableBy = ({ text, version }: Migration): number =>
  Number(/^-- readable by: (\d{4})$/m.exec(text)?.[1] ?? version);
