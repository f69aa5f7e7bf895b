import path from "node:path";
import SqliteDatabase, { type Database } from "../../src/database/sqlite/driver.ts";
import { namespaces } from "../listing/names.ts";
import { largest } from "../listing/fill.ts";
import {
  batchesOf,
  type Batch,
  type Filled,
  batchStatements,
  createStageTables,
  stageTables,
} from "./rows.ts";
import type { Stock } from "./stock.ts";

/*
 * Fills the database of a data folder while no server runs. There is no journal and no flush: after an interruption the
 * folder is of no use. Indexes are built at the end, by sorting. No statement of Berth runs ANALYZE, so neither does this.
 */

const cacheKiB = 2_000_000;

/** @param before the stock that the folder has */
export function fillSqlite(folder: string, stock: Stock, before: Stock | undefined): void {
  const db = new SqliteDatabase(path.join(folder, "berth.db"));
  try {
    db.prepare("ATTACH ? AS counts").run(path.join(folder, "berth-counts.db"));
    for (const schema of ["main", "counts"]) {
      db.pragma(`${schema}.journal_mode = OFF`);
      db.pragma(`${schema}.synchronous = OFF`);
      db.pragma(`${schema}.cache_size = -${cacheKiB}`);
    }
    db.pragma("foreign_keys = OFF");
    const created = takeAway(db);
    db.pragma("temp_store = MEMORY");
    fillTables(db, stock, before);
    // Sorting needs more than memory has.
    db.pragma("temp_store = FILE");
    db.pragma("threads = 2");
    for (const sql of created) db.exec(sql);
    for (const schema of ["main", "counts"]) db.pragma(`${schema}.journal_mode = WAL`);
  } finally {
    db.close();
  }
}

/** Drops indexes and triggers, and returns the statements that create them. Indexes of constraints stay. */
function takeAway(db: Database): readonly string[] {
  const found = db
    .prepare(
      `SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL AND type IN ('index', 'trigger')
         AND name <> 'search_document_comes' ORDER BY type`,
    )
    .all() as { readonly type: string; readonly name: string; readonly sql: string }[];
  for (const { type, name } of found) db.exec(`DROP ${type} main.${name}`);
  return found.map(({ sql }) => sql);
}

function fillTables(db: Database, stock: Stock, before: Stock | undefined): void {
  for (const sql of createStageTables) db.exec(sql);
  const account = db.prepare(
    "INSERT OR IGNORE INTO accounts (name, kind, created_at) VALUES (?, 'organisation', 0)",
  );
  for (const name of namespaces()) account.run(name);
  const [stageRepository, stageImage] = Object.entries(stageTables).map(([table, columns]) =>
    db.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => "?").join(", ")})`),
  );
  const statements = [
    ...batchStatements,
    // Its trigger writes the search index.
    `INSERT INTO search_documents (repository_id, is_official, pull_rank)
     SELECT id, namespace = 'library', pull_rank FROM stage_repositories WHERE is_new = 1`,
    ...Object.keys(stageTables).map((table) => `DELETE FROM ${table}`),
  ].map((sql) => db.prepare(sql));
  const write = db.transaction(({ repositories, images }: Batch) => {
    for (const row of repositories) stageRepository?.run(row);
    for (const row of images) stageImage?.run(row);
    for (const statement of statements) statement.run();
  });
  for (const batch of batchesOf(stock, filledBefore(db, before))) write(batch);
}

function filledBefore(db: Database, stock: Stock | undefined): Filled {
  const lastOf = (table: string): number =>
    db.prepare(`SELECT coalesce(max(id), 0) FROM ${table}`).pluck().get() as number;
  const id = db.prepare("SELECT id FROM repositories WHERE name = ?").pluck().get(largest);
  return {
    ...{ stock, largestId: (id as number | undefined) ?? 0 },
    lastIds: {
      repositories: lastOf("repositories"),
      blobs: lastOf("blobs"),
      manifests: lastOf("manifests"),
    },
  };
}
