import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import type { Database as SqliteConnection } from "./driver.ts";

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
}

/**
 * Migrates the database to the version of this program, one transaction per step. There are only forward steps. Several
 * processes may do so at once: the transaction that runs a step also reads which step is next.
 * Throws if a newer program has written to the database, or if an applied step is unknown.
 */
export function migrate(
  connection: SqliteConnection,
  migrations: readonly Migration[] = readMigrations(),
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
    for (const step of steps) demandOurs(step, migrations);
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

function demandOurs(
  { version, name }: { readonly version: number; readonly name: string },
  migrations: readonly Migration[],
): void {
  const ours = migrations.find((migration) => migration.version === version);
  if (ours === undefined) {
    throw new Error(
      `the database is newer than this program: it has the migration ${name}; start the newer Berth, or restore a backup`,
    );
  }
  if (ours.name !== name)
    throw new Error(
      `the database has the migration ${name} where this program has ${ours.name}; start the Berth that wrote the database, or restore a backup`,
    );
}

/**
 * Reads `migrations/sqlite/NNNN-name.sql`, or the folder of another database. They are beside `src` and are not
 * compiled.
 */
export function readMigrations(database: "sqlite" | "counts" = "sqlite"): readonly Migration[] {
  const folder = path.join(projectRoot(import.meta.dirname), "migrations", database);
  return readdirSync(folder)
    .filter((file) => /^\d{4}-.*\.sql$/.test(file))
    .toSorted()
    .map((file) => ({
      version: Number(file.slice(0, 4)),
      name: file.slice(0, -".sql".length),
      text: readFileSync(path.join(folder, file), "utf8"),
    }));
}

function projectRoot(from: string): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, "migrations", "sqlite"))) return folder;
    if (folder === path.dirname(folder))
      throw new Error(
        "the folder migrations/sqlite is missing from this installation; install Berth again",
      );
  }
}
