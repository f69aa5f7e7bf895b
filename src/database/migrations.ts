import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
}

/** A step that the database has. */
export interface AppliedMigration {
  readonly version: number;
  readonly name: string;
}

/** Throws unless a step that the database has is one of this program's. */
export function demandKnown(
  { version, name }: AppliedMigration,
  migrations: readonly Migration[],
): void {
  const ours = migrations.find((migration) => migration.version === version);
  if (ours === undefined) throw new Error(newerDatabase(name));
  if (ours.name !== name)
    throw new Error(
      `the database has the migration ${name} where this program has ${ours.name}; start the Berth that wrote the database, or restore a backup`,
    );
}

export const newerDatabase = (name: string): string =>
  `the database is newer than this program: it has the migration ${name}; start the newer Berth, or restore a backup`;

/**
 * Reads `migrations/sqlite/NNNN-name.sql`, or the folder of another database. They are beside `src` and are not
 * compiled.
 */
export function readMigrations(database: "sqlite" | "counts" | "postgres"): readonly Migration[] {
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
