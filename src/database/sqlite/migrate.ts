import { demandKnown, readMigrations, type Migration } from "../migrations.ts";
import type { Database as SqliteConnection } from "./driver.ts";

/**
 * Migrates the database to the version of this program, one transaction per step. There are only forward steps. Several
 * processes may do so at once: the transaction that runs a step also reads which step is next.
 * Throws if a newer program has written to the database, or if an applied step is unknown.
 */
export function migrate(
  connection: SqliteConnection,
  migrations: readonly Migration[] = readMigrations("sqlite"),
): void {
  connection.exec(`CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT`);
  const taken = connection.prepare<[], { version: number; name: string }>(
    "SELECT version, name FROM schema_migrations ORDER BY version",
  );
  const record = connection.prepare(
    "INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)",
  );
  const next = (): Migration | undefined => {
    const steps = taken.all();
    for (const step of steps) demandKnown(step, migrations);
    return migrations[steps.length];
  };
  const takeNext = connection.transaction(() => {
    const step = next();
    if (step === undefined) return;
    connection.exec(step.text);
    record.run(step.version, step.name, Date.now());
  });
  // Checked without a lock first, so that a database that is up to date is not locked.
  while (next() !== undefined) takeNext.immediate();
}
