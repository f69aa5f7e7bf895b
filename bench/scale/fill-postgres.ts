import { spawn } from "node:child_process";
import { once } from "node:events";
import { namespaces } from "../listing/names.ts";
import { largest } from "../listing/fill.ts";
import { runSql } from "../servers/postgres.ts";
import {
  batchesOf,
  type Filled,
  batchStatements,
  createStageTables,
  stageTables,
  type StageRow,
} from "./rows.ts";
import type { Stock } from "./stock.ts";

/*
 * Fills a PostgreSQL database while no server runs: one psql reads rows and statements. Triggers and foreign keys do not
 * run, which needs a superuser. Indexes are built at the end.
 */

/** The tables whose indexes are built at the end. */
const tables = [
  ...["repositories", "blobs", "blob_links", "manifests", "manifest_references", "tags"],
  ...["tag_history", "audit_log", "search_documents"],
];

export async function fillPostgres(
  url: string,
  stock: Stock,
  before: Stock | undefined,
): Promise<void> {
  const psql = spawn(
    "psql",
    ["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", url],
    { stdio: ["pipe", "ignore", "inherit"] },
  );
  const ended = once(psql, "exit");
  // The exit code tells of the failure.
  psql.stdin.on("error", () => undefined);
  const write = async (text: string): Promise<void> => {
    if (!psql.stdin.write(text)) await Promise.race([once(psql.stdin, "drain"), ended]);
  };
  for (const text of statementsOf(url, stock, before)) {
    if (psql.exitCode !== null) break;
    await write(text);
  }
  psql.stdin.end();
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${code}`);
  // Autovacuum would do it within minutes, and its time would be in the figures.
  runSql(url, "VACUUM (ANALYZE)");
  runSql(url, "CHECKPOINT");
}

function* statementsOf(url: string, stock: Stock, before: Stock | undefined): Generator<string> {
  const indexes = indexesOf(url);
  const filled = filledBefore(url, before);
  yield "SET session_replication_role = replica; SET synchronous_commit = off; SET maintenance_work_mem = '1GB';\n";
  for (const { name } of indexes) yield `DROP INDEX ${name};\n`;
  for (const sql of createStageTables) yield `${sql};\n`;
  const names = [...namespaces()].map((name) => `('${name}', 'organisation', 0)`);
  yield `INSERT INTO accounts (name, kind, created_at) VALUES ${names.join(", ")} ON CONFLICT DO NOTHING;\n`;
  for (const { repositories, images } of batchesOf(stock, filled)) {
    yield "BEGIN;\n";
    yield* copyOf("stage_repositories", repositories);
    yield* copyOf("stage_images", images);
    yield "ANALYZE stage_repositories; ANALYZE stage_images;\n";
    for (const sql of batchStatements) yield `${sql};\n`;
    yield `INSERT INTO search_documents (repository_id, is_official, pull_rank, words)
      SELECT id, CAST(namespace = 'library' AS int), pull_rank, search_words_of(id) FROM stage_repositories WHERE is_new = 1;\n`;
    yield `TRUNCATE ${Object.keys(stageTables).join(", ")}; COMMIT;\n`;
  }
  for (const { sql } of indexes) yield `${sql};\n`;
  for (const table of ["repositories", "blobs", "manifests"])
    yield `SELECT setval(pg_get_serial_sequence('${table}', 'id'), max(id)) FROM ${table};\n`;
}

function* copyOf(table: string, rows: readonly StageRow[]): Generator<string> {
  yield `COPY ${table} FROM STDIN;\n`;
  for (let from = 0; from < rows.length; from += rowsAtOnce)
    yield rows
      .slice(from, from + rowsAtOnce)
      .map((row) => `${row.map(inCopy).join("\t")}\n`)
      .join("");
  yield "\\.\n";
}

const rowsAtOnce = 1_000;
const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

/** A manifest is ASCII without backslashes, which is also the text of a bytea. */
const inCopy = (value: StageRow[number]): string =>
  value === null ? "\\N" : String(value).replaceAll(/[\\\n\t]/g, (found) => escapes[found] ?? "");

/** The indexes that no constraint has. */
function indexesOf(url: string): readonly { readonly name: string; readonly sql: string }[] {
  const found = runSql(
    url,
    `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
       AND tablename IN (${tables.map((table) => `'${table}'`).join(", ")})
       AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
  );
  return found.split("\n").map((line) => {
    const [name = "", ...sql] = line.split("|");
    return { name, sql: sql.join("|") };
  });
}

function filledBefore(url: string, stock: Stock | undefined): Filled {
  const number = (sql: string): number => Number(runSql(url, sql));
  const lastOf = (table: string): number => number(`SELECT coalesce(max(id), 0) FROM ${table}`);
  return {
    stock,
    largestId: number(`SELECT coalesce(max(id), 0) FROM repositories WHERE name = '${largest}'`),
    lastIds: {
      repositories: lastOf("repositories"),
      blobs: lastOf("blobs"),
      manifests: lastOf("manifests"),
    },
  };
}
