import SqliteDatabase, { type Database } from "../../src/database/sqlite/driver.ts";
import { pullBucketOf } from "../../src/database/catalog/pull-counters.ts";
import { describeRepository, namespaces } from "./names.ts";
import { baseRepository } from "./base-images.ts";

export interface Amounts {
  readonly repositories: number;
  readonly tags: number;
}

/** The name of the first repository, which has the most tags. */
export const largest = describeRepository(0).name;

/**
 * Copies the rows of the base images into all repositories, while no server runs. The search index is filled once at
 * the end, not by triggers for each row.
 */
export function fillDatabase(file: string, countsFile: string, amounts: Amounts): void {
  const db = new SqliteDatabase(file);
  db.pragma("synchronous = OFF");
  db.pragma("cache_size = -262144");
  db.prepare("ATTACH ? AS counts").run(countsFile);
  const set = db
    .prepare(
      "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search!_%' ESCAPE '!'",
    )
    .all() as { readonly name: string; readonly sql: string }[];
  const late = set.filter(({ name }) => !name.startsWith("search_document_"));
  db.transaction(() => {
    for (const { name } of late) db.exec(`DROP TRIGGER ${name}`);
    fill(db, amounts);
    db.exec(`INSERT INTO search_documents (repository_id, is_official, stars, pull_rank)
      SELECT id, namespace = 'library', star_count, pull_rank FROM repositories
      WHERE id NOT IN (SELECT repository_id FROM search_documents)`);
    for (const { sql } of late) db.exec(sql);
  })();
  db.exec("DETACH counts");
  db.exec("ANALYZE");
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
}

function fill(db: Database, { repositories, tags }: Amounts): void {
  const nowMs = Date.UTC(2026, 0, 1);
  const account = db.prepare(
    "INSERT OR IGNORE INTO accounts (name, kind, created_at) VALUES (?, 'organisation', ?)",
  );
  for (const name of namespaces()) account.run(name, nowMs);
  const base = db.prepare("SELECT id FROM repositories WHERE name = ?").pluck();
  const baseId = base.get(baseRepository) as number;
  const images = db
    .prepare("SELECT id FROM manifests WHERE repository_id = ? ORDER BY id")
    .pluck()
    .all(baseId) as number[];
  const repository = db.prepare(
    `INSERT INTO repositories (name, namespace, visibility, created_at, updated_at, pull_rank)
     VALUES (@name, @namespace, @visibility, @at, @at, @pullRank)`,
  );
  const description = db.prepare("INSERT INTO repository_descriptions VALUES (?, ?, ?)");
  const manifest = db.prepare(
    copyOf(db, "manifests", { id: "NULL", repository_id: "@repositoryId" }, "id = @imageId"),
  );
  const references = db.prepare(
    copyOf(db, "manifest_references", { manifest_id: "@manifestId" }, "manifest_id = @imageId"),
  );
  const links = db.prepare(
    `INSERT INTO blob_links (repository_id, blob_id, created_at, leased_until)
     SELECT @repositoryId, blobs.id, 0, 0 FROM manifest_references JOIN blobs ON blobs.digest = manifest_references.digest
     WHERE manifest_references.manifest_id = @imageId`,
  );
  const count = db.prepare(
    `INSERT INTO counts.repository_counts (repository, registered_at, pulls, pushes, last_pulled_at, last_pushed_at)
     VALUES (@name, @at, @pulls, 1, @at, @at)`,
  );
  const tag = db.prepare(
    "INSERT INTO tags (repository_id, name, manifest_id, updated_at) VALUES (?, ?, ?, ?)",
  );
  const inLargest = Math.min(100_000, Math.ceil(tags / 10));
  const perRepository = (tags - inLargest) / Math.max(1, repositories - 1);
  let made = 0;
  for (let number = 0; number < repositories; number += 1) {
    const { short, full, pulls, ...row } = describeRepository(number);
    const at = nowMs + number * 1000;
    const repositoryId = Number(
      repository.run({ ...row, at, pullRank: pullBucketOf(pulls) }).lastInsertRowid,
    );
    description.run(repositoryId, short, full);
    if (pulls > 0) count.run({ name: row.name, at, pulls });
    const imageId = images[number % images.length] ?? 0;
    const manifestId = Number(manifest.run({ repositoryId, imageId }).lastInsertRowid);
    references.run({ manifestId, imageId });
    links.run({ repositoryId, imageId });
    const until = number === 0 ? inLargest : Math.round(inLargest + number * perRepository);
    for (let version = 0; made < until; version += 1, made += 1) {
      const isLatest = number === 0 && made === until - 1;
      tag.run(repositoryId, isLatest ? "latest" : versionOf(version), manifestId, at + version);
    }
  }
}

/** The names of the first `count` tags of a repository. */
export const tagNames = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, number) => versionOf(number));

const versionOf = (number: number): string =>
  `${Math.floor(number / 10_000)}.${Math.floor(number / 100) % 100}.${number % 100}`;

/** The statement that copies rows of a table and replaces some columns. */
function copyOf(
  db: Database,
  table: string,
  others: Readonly<Record<string, string>>,
  where: string,
): string {
  const columns = db
    .prepare(`SELECT name FROM pragma_table_info(?)`)
    .pluck()
    .all(table) as string[];
  const values = columns.map((column) => others[column] ?? column);
  return `INSERT INTO ${table} (${columns.join(", ")}) SELECT ${values.join(", ")} FROM ${table} WHERE ${where}`;
}
