import { createHash } from "node:crypto";

/*
 * Copies all rows of one database to another, of the same or of the other kind, and compares them. Both have the schema
 * of this program.
 */

/** The tables that are copied. A table comes after those that its foreign keys name; the search index reads the others. */
export const copiedTables = [
  ...["instance", "accounts", "members", "repositories", "blobs", "blob_links"],
  ...["manifests", "manifest_references", "image_sizes", "tags", "tag_history", "uploads"],
  ...["manifest_reviews", "blob_reviews", "quotas", "repository_removals", "teams"],
  ...["team_members", "team_permissions", "collaborators", "access_tokens", "invites"],
  "browser_sessions",
  ...["webhooks", "webhook_events", "events", "webhook_deliveries"],
  ...["browser_sessions", "retention_policies", "read_only_mode"],
  ...["audit_log", "audit_forwarding", "repository_descriptions", "stars", "namespace_counts"],
  ...["mirror_fetches", "mirror_tags", "mirror_uses", "mirror_pins", "mirror_counters"],
  ...["mirror_states", "added_mirrors", "schedules", "search_star_changes", "repository_facets"],
  ...["repository_counts", "tag_counts", "repository_days", "tag_days"],
  ...["pulls_known", "search_documents"],
] as const;

/** The tables that are not copied, and why. */
export const otherTables = {
  schema_migrations: "each kind of database has its own migrations",
  signing_keys: "the keys are encrypted with the secret of the target",
  replicas: "no server runs during the copy",
  leases: "no server runs during the copy",
  mirror_processes: "no server runs during the copy",
  login_attempts: "they are forgotten after minutes",
  jobs: "no server runs during the copy",
  job_plans: "no server runs during the copy",
} as const;

/** Columns that one kind of database has alone. The target fills them. */
export const ownColumns: ReadonlySet<string> = new Set(["search_documents.words"]);

export type CopyRow = Readonly<Record<string, string | number | null | Uint8Array>>;

export interface CopyTable {
  readonly name: string;
  /** Without generated columns and {@link ownColumns}. */
  readonly columns: readonly string[];
  /** The columns of the primary key. */
  readonly key: readonly string[];
}

/** One database of a copy, as it is at the begin of a transaction. */
export interface CopySource {
  table(name: string): Promise<CopyTable>;
  count(name: string): Promise<number>;
  /** All rows in the order of the key, about 2,000 or 8 MB at once. Texts compare bytewise. */
  read(table: CopyTable): AsyncIterable<readonly CopyRow[]>;
  /** The last id that was given to a row; `undefined`: the table gives no ids. */
  lastId(name: string): Promise<number | undefined>;
}

export interface CopyTarget extends CopySource {
  /** Adds rows. Triggers do not run. */
  write(table: CopyTable, rows: readonly CopyRow[]): Promise<void>;
  /** The next row of the table gets an id that is higher than `id`. */
  setLastId(name: string, id: number): Promise<void>;
}

/** The target has other rows than the source. */
class CopyError extends Error {
  override readonly name = "CopyError";
}

/**
 * Copies the rows of all {@link copiedTables} and reads them again. Rejects with a CopyError if the target has other
 * rows than the source then; the caller rolls the transaction of the target back.
 * @param onRows is called with the number of rows that were copied or compared: twice for each row
 * @returns the number of rows
 */
export async function copyTables(
  source: CopySource,
  target: CopyTarget,
  onRows: (rows: number) => void,
): Promise<number> {
  let total = 0;
  for (const name of copiedTables) {
    const table = await sameTable(name, source, target);
    const copied = createSum(table);
    for await (const rows of source.read(table)) {
      await target.write(table, rows);
      copied.add(rows);
      onRows(rows.length);
    }
    const lastId = await source.lastId(name);
    if (lastId !== undefined) await target.setLastId(name, lastId);
    const written = createSum(table);
    for await (const rows of target.read(table)) {
      written.add(rows);
      onRows(rows.length);
    }
    const [expected, found] = [copied.sum(), written.sum()];
    if (expected.rows !== found.rows || expected.hash !== found.hash)
      throw new CopyError(
        `${name}: ${found.rows} rows in the target, ${expected.rows} in the source, or with other values`,
      );
    total += expected.rows;
  }
  return total;
}

/** The number of rows that {@link copyTables} will copy. */
export async function countRows(source: CopySource): Promise<number> {
  let total = 0;
  for (const name of copiedTables) total += await source.count(name);
  return total;
}

async function sameTable(name: string, source: CopySource, target: CopySource): Promise<CopyTable> {
  const [table, other] = [await source.table(name), await target.table(name)];
  const columns = (one: CopyTable): string => one.columns.toSorted().join(", ");
  if (columns(table) !== columns(other))
    throw new CopyError(
      `${name}: the source has the columns ${columns(table)}, and the target ${columns(other)}`,
    );
  return table;
}

/** The number of rows and a hash of their values. */
function createSum({ columns }: CopyTable) {
  const hash = createHash("sha256");
  let count = 0;
  return {
    add: (rows: readonly CopyRow[]): void => {
      count += rows.length;
      for (const row of rows)
        hash.update(`${JSON.stringify(columns.map((one) => shown(row[one])))}\n`);
    },
    sum: () => ({ rows: count, hash: hash.digest("hex") }),
  };
}

const shown = (value: CopyRow[string] | undefined): unknown =>
  value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value;
