import SqliteDatabase, {
  type Database as SqliteConnection,
} from "../../src/database/sqlite/driver.ts";

type Value = string | number | null | Uint8Array;

/**
 * The tables behind the program, read and changed as by another process. SQL is what both kinds of database accept; each
 * `?` is a parameter.
 */
export interface Tables {
  /** Runs statements without parameters, in one transaction. */
  exec(sql: string): Promise<void>;
  rows<Row = unknown>(query: string, ...parameters: readonly Value[]): Promise<readonly Row[]>;
  /** The first column of each row. */
  values(query: string, ...parameters: readonly Value[]): Promise<readonly unknown[]>;
  /** The first column of the first row. */
  value(query: string, ...parameters: readonly Value[]): Promise<unknown>;
  /** Inserts a row and returns its `id`; NaN if the table has no such column. */
  insert(table: string, columns: Readonly<Record<string, Value>>): Promise<number>;
  /**
   * Does the work in one transaction, while no other connection can write. Reads of others go on, and they see the
   * changes when the result resolves.
   */
  whileWritersWait<T>(work: (inside: Tables) => Promise<T>): Promise<T>;
  /** What the database finds wrong itself: damaged pages, and references to rows that do not exist. */
  damage(): Promise<readonly unknown[]>;
}

/** What a kind of database does. */
export interface TableAccess {
  readonly exec: (sql: string) => Promise<unknown>;
  readonly all: (query: string, parameters: readonly Value[]) => Promise<readonly object[]>;
  readonly damage: () => Promise<readonly unknown[]>;
  readonly whileWritersWait: <T>(work: (inside: TableAccess) => Promise<T>) => Promise<T>;
}

export function createTables({ exec, all, damage, whileWritersWait }: TableAccess): Tables {
  const values = async (query: string, ...parameters: readonly Value[]): Promise<unknown[]> =>
    (await all(query, parameters)).map((row) => Object.values(row)[0] as unknown);
  return {
    exec: async (sql) => void (await exec(sql)),
    rows: async <Row>(query: string, ...parameters: readonly Value[]) =>
      (await all(query, parameters)) as readonly Row[],
    values,
    value: async (query, ...parameters) => (await values(query, ...parameters))[0],
    insert: async (table, columns) => {
      const names = Object.keys(columns);
      const marks = names.map(() => "?").join(", ");
      const insert = `INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks}) RETURNING *`;
      const [row] = await all(insert, Object.values(columns));
      return Number((row as { readonly id?: number }).id);
    },
    whileWritersWait: (work) => whileWritersWait((inside) => work(createTables(inside))),
    damage,
  };
}

export const sqliteTables = (connection: SqliteConnection): Tables =>
  createTables(accessOf(connection));

/** The tables in a file. Each call opens its own connection. */
export function sqliteFileTables(file: string): Tables {
  const use = async <T>(work: (access: TableAccess) => Promise<T>): Promise<T> => {
    const connection = new SqliteDatabase(file, { fileMustExist: true });
    return await work(accessOf(connection)).finally(() => connection.close());
  };
  return createTables({
    exec: (sql) => use((access) => access.exec(sql)),
    all: (query, parameters) => use((access) => access.all(query, parameters)),
    damage: () => use((access) => access.damage()),
    whileWritersWait: (work) => use((access) => access.whileWritersWait(work)),
  });
}

function accessOf(connection: SqliteConnection): TableAccess {
  const access: TableAccess = {
    // A transaction that only reads at first, as FTS5 does when its table opens, does not wait for a writer: it fails.
    exec: async (sql) => connection.transaction(() => connection.exec(sql)).immediate(),
    all: async (query, parameters) => {
      const statement = connection.prepare<Value[], object>(query);
      if (statement.reader) return statement.all(...parameters);
      statement.run(...parameters);
      return [];
    },
    damage: async () => [
      ...(connection.pragma("quick_check") as { quick_check: string }[]).filter(
        (row) => row.quick_check !== "ok",
      ),
      ...(connection.pragma("foreign_key_check") as unknown[]),
    ],
    whileWritersWait: async (work) => {
      connection.exec("BEGIN IMMEDIATE");
      const result = await work(access);
      connection.exec("COMMIT");
      return result;
    },
  };
  return access;
}
