import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import type { CopyRow, CopySource, CopyTable, CopyTarget } from "../table-copy.ts";
import {
  openPullCounterConnection,
  openReadConnection,
  openWriteConnection,
  type SqliteConnection,
} from "./connection.ts";
import { migrate } from "./migrate.ts";

/** The files of a database: the tables, and the pull counters. */
export interface SqliteFiles {
  readonly main: string;
  readonly pullCounters: string;
}

const rowsAtOnce = 2_000;
const bytesAtOnce = 8 * 1024 * 1024;

/** Opens the database for reading, as it is at the first read until `close`. */
export function openSqliteSource(files: SqliteFiles): CopySource & { close(): void } {
  // Creates or migrates the counters.
  openPullCounterConnection(files.pullCounters).close();
  const connection = openReadConnection(files.main);
  connection.prepare("ATTACH DATABASE ? AS counters").run(files.pullCounters);
  connection.exec("BEGIN");
  return { ...sourceOn(connection), close: () => void connection.close() };
}

/**
 * Creates a database in new files. `finish` gives them their names, and `close` deletes them before that. Throws if a
 * file with such a name exists.
 */
export function openSqliteTarget(
  files: SqliteFiles,
): CopyTarget & { finish(): void; close(): void } {
  const parts: SqliteFiles = {
    main: `${files.main}.part`,
    pullCounters: `${files.pullCounters}.part`,
  };
  const removeParts = (): void => {
    for (const file of Object.values(parts))
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  };
  removeParts();
  openPullCounterConnection(parts.pullCounters).close();
  const connection = openWriteConnection(parts.main);
  migrate(connection);
  connection.pragma("foreign_keys = OFF");
  connection.prepare("ATTACH DATABASE ? AS counters").run(parts.pullCounters);
  connection.exec("BEGIN IMMEDIATE");
  const triggers = connection
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
    )
    .all();
  for (const { name } of triggers) connection.exec(`DROP TRIGGER "${name}"`);
  // Migrations add rows that the source has too.
  connection.exec("DELETE FROM accounts; DELETE FROM pulls_known");
  return {
    ...targetOn(connection),
    finish() {
      connection.exec(`INSERT INTO search_index (rowid, name, description, readme, parts, access, facet)
        SELECT rank, name, description, readme, parts, access, facet
        FROM search_documents JOIN search_texts USING (repository_id)`);
      for (const { sql } of triggers) connection.exec(sql);
      const broken = connection.pragma("foreign_key_check") as { readonly table: string }[];
      if (broken.length > 0)
        throw new Error(`${broken[0]?.table}: a row refers to one that does not exist`);
      connection.exec("COMMIT");
      // Writes the log into the files, and flushes them.
      connection.close();
      for (const [part, file] of [
        [parts.pullCounters, files.pullCounters],
        [parts.main, files.main],
      ] as const) {
        if (existsSync(file)) throw new Error(`${file} exists already`);
        renameSync(part, file);
      }
      syncFolder(path.dirname(files.main));
    },
    close() {
      connection.close();
      removeParts();
    },
  };
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  fsyncSync(handle);
  closeSync(handle);
}

interface ColumnRow {
  readonly name: string;
  readonly pk: number;
  readonly hidden: number;
}

function sourceOn(connection: SqliteConnection): CopySource {
  const value = (query: string, ...parameters: string[]): number =>
    Number(
      connection
        .prepare<string[]>(query)
        .pluck()
        .get(...parameters) ?? 0,
    );
  return {
    async table(name) {
      const rows = connection
        .prepare<[string], ColumnRow>("SELECT name, pk, hidden FROM pragma_table_xinfo(?)")
        .all(name);
      const key = rows.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
      // Hidden columns are generated.
      const columns = rows.filter(({ hidden }) => hidden === 0);
      return { name, columns: columns.map((one) => one.name), key: key.map((one) => one.name) };
    },
    count: async (name) => value(`SELECT count(*) FROM ${name}`),
    async *read({ name, columns, key }) {
      const query = `SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${key.join(", ")}`;
      yield* batchesOf(connection.prepare<[], CopyRow>(query).iterate());
    },
    async lastId(name) {
      if (!givesIds.has(name)) return undefined;
      return Math.max(
        value(`SELECT max(id) FROM ${name}`),
        value("SELECT seq FROM sqlite_sequence WHERE name = ?", name),
      );
    },
  };
}

/** The tables whose `id` is given by the database. */
const givesIds = new Set([
  ...["repositories", "blobs", "manifests", "tag_history", "accounts", "teams", "audit_log"],
]);

function* batchesOf(rows: Iterable<CopyRow>): Generator<readonly CopyRow[]> {
  let batch: CopyRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    for (const value of Object.values(row))
      bytes += typeof value === "string" || value instanceof Uint8Array ? value.length : 8;
    if (batch.length < rowsAtOnce && bytes < bytesAtOnce) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function targetOn(connection: SqliteConnection): CopyTarget {
  const insertInto = ({ name, columns }: CopyTable) =>
    connection.prepare(
      `INSERT INTO ${name} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    );
  return {
    ...sourceOn(connection),
    async write(table, rows) {
      const insert = insertInto(table);
      for (const row of rows) insert.run(table.columns.map((column) => row[column]));
    },
    async setLastId(name, id) {
      const text = connection
        .prepare<[string], string>("SELECT sql FROM sqlite_schema WHERE name = ?")
        .pluck()
        .get(name);
      // The next id of the other tables is one more than the highest. For these, an id is never used twice.
      if (text?.includes("AUTOINCREMENT") !== true) return;
      connection.prepare("DELETE FROM sqlite_sequence WHERE name = ?").run(name);
      connection.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").run(name, id);
    },
  };
}
