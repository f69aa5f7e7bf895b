import type { CopyRow, CopySource, CopyTable, CopyTarget } from "../table-copy.ts";
import { copiedTables, ownColumns } from "../table-copy.ts";
import type { PooledConnection } from "./connection.ts";

const rowsAtOnce = 2_000;
/** Rows of these columns have up to 4 MB each. */
const largeColumns = new Set(["content", "annotations"]);
const largeRowsAtOnce = 100;

/** The limits of a session are for the requests of clients. A copy has long statements, and pauses between them. */
const withoutLimits =
  "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/** Begins a transaction that sees the database as it is now. The caller releases the connection, which ends it. */
export async function beginSource(connection: PooledConnection): Promise<CopySource> {
  await connection.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${withoutLimits}`);
  return sourceOn(connection);
}

/**
 * Begins a transaction that fills an empty database; no server can start meanwhile. `finish` commits it. The end of the
 * connection rolls it back. Resolves with `undefined` if the database has a registry.
 */
export async function beginTarget(
  connection: PooledConnection,
): Promise<(CopyTarget & { finish(): Promise<void> }) | undefined> {
  await connection.query(
    `BEGIN; ${withoutLimits}; LOCK TABLE instance, accounts IN ACCESS EXCLUSIVE MODE`,
  );
  const used = await connection.query(
    "SELECT 1 AS used FROM instance UNION ALL SELECT 1 FROM accounts WHERE kind = 'user' LIMIT 1",
  );
  if (used.rows.length > 0) return undefined;
  const { rows } = await connection.query<{ readonly name: string }>(
    `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger
     JOIN pg_class ON pg_class.oid = tgrelid
     WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal`,
  );
  const triggers = (action: string): Promise<unknown> =>
    connection.query(
      rows.map(({ name }) => `ALTER TABLE ${name} ${action} TRIGGER USER`).join("; "),
    );
  await triggers("DISABLE");
  // Migrations add rows that the source has too.
  await connection.query("DELETE FROM accounts; DELETE FROM pulls_known");
  return {
    ...targetOn(connection),
    async finish() {
      await triggers("ENABLE");
      // Without names it would lock the tables of all schemas of the database, and two copies would lock each other.
      await connection.query(`ANALYZE ${copiedTables.join(", ")}`);
      await connection.query("COMMIT");
    },
  };
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly isGenerated: boolean;
  readonly position: number | null;
}

/** `position` is the place in the primary key. */
const columnsQuery = `
  SELECT attname AS name, format_type(atttypid, NULL) AS type, attgenerated <> '' AS "isGenerated",
    array_position(indkey::int2[], attnum) AS position
  FROM pg_attribute LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
  WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`;

function sourceOn(connection: PooledConnection): CopySource {
  const columnsOf = async (name: string): Promise<readonly ColumnRow[]> =>
    (await connection.query<ColumnRow>(columnsQuery, [name])).rows;
  return {
    async table(name) {
      const rows = await columnsOf(name);
      const key = rows.filter(({ position }) => position !== null);
      const columns = rows.filter(
        (one) => !one.isGenerated && !ownColumns.has(`${name}.${one.name}`),
      );
      return {
        name,
        columns: columns.map((one) => one.name),
        key: key.toSorted((a, b) => Number(a.position) - Number(b.position)).map((one) => one.name),
      };
    },
    async count(name) {
      const { rows } = await connection.query<{ readonly count: number }>(
        `SELECT count(*) AS count FROM ${name}`,
      );
      return rows[0]?.count ?? 0;
    },
    async *read({ name, columns, key }) {
      const query = `SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${key.join(", ")}`;
      await connection.query(`DECLARE copied NO SCROLL CURSOR FOR ${query}`);
      const atOnce = columns.some((one) => largeColumns.has(one)) ? largeRowsAtOnce : rowsAtOnce;
      for (;;) {
        const { rows } = await connection.query<CopyRow>(`FETCH ${atOnce} FROM copied`);
        if (rows.length === 0) break;
        yield rows;
      }
      await connection.query("CLOSE copied");
    },
    async lastId(name) {
      const sequence = await sequenceOf(connection, name);
      if (sequence === undefined) return undefined;
      const { rows } = await connection.query<{ readonly id: number }>(
        `SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS id FROM ${sequence}`,
      );
      return rows[0]?.id;
    },
  };
}

async function sequenceOf(
  connection: PooledConnection,
  table: string,
): Promise<string | undefined> {
  const { rows } = await connection.query<{ readonly name: string | null }>(
    `SELECT pg_get_serial_sequence($1, attname) AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attname = 'id' AND attidentity <> ''`,
    [table],
  );
  return rows[0]?.name ?? undefined;
}

function targetOn(connection: PooledConnection): CopyTarget {
  const typesOf = new Map<string, Promise<ReadonlyMap<string, string>>>();
  const types = (table: string): Promise<ReadonlyMap<string, string>> => {
    const read = async (): Promise<ReadonlyMap<string, string>> => {
      const { rows } = await connection.query<ColumnRow>(columnsQuery, [table]);
      return new Map(rows.map(({ name, type }) => [name, type]));
    };
    const known = typesOf.get(table) ?? read();
    typesOf.set(table, known);
    return known;
  };
  return {
    ...sourceOn(connection),
    async write(table: CopyTable, rows: readonly CopyRow[]) {
      const { name, columns } = table;
      const known = await types(name);
      const arrays = columns.map((column, index) => `$${index + 1}::${known.get(column)}[]`);
      // The column that SQLite does not have. The tables that it is computed from are copied before.
      const own =
        name === "search_documents"
          ? { columns: ", words", values: ", search_words_of(repository_id)" }
          : { columns: "", values: "" };
      await connection.query(
        `INSERT INTO ${name} (${columns.join(", ")}${own.columns})
         SELECT ${columns.join(", ")}${own.values}
         FROM unnest(${arrays.join(", ")}) AS given (${columns.join(", ")})`,
        columns.map((column) => rows.map((row) => row[column] ?? null)),
      );
    },
    async setLastId(name, id) {
      const sequence = await sequenceOf(connection, name);
      if (sequence === undefined) return;
      await connection.query("SELECT setval($1, greatest($2::bigint, 1), $2::bigint > 0)", [
        sequence,
        id,
      ]);
    },
  };
}
