import type { RawBuilder, SelectQueryBuilder } from "kysely";
import type { Db } from "./schema.ts";

/**
 * - `share`: others may change the row, but not remove it
 * - `change`: others may neither change nor remove the row
 * - `remove`: others may hold no lock on the row
 */
export type LockMode = "share" | "change" | "remove";

export interface RowLock {
  readonly mode: LockMode;
  /** The table of the query whose rows are locked. */
  readonly table: string;
  /** Leaves out the rows that another transaction has locked; otherwise the query waits for them. */
  readonly skipLocked?: boolean;
}

/** The parts of a query that SQLite and PostgreSQL write differently. All other SQL outside `sqlite/` is valid in both. */
export interface Dialect {
  /**
   * Condition: the column has one of the values. They are one parameter, so the text of the query does not depend on
   * their number, and the statement is prepared once.
   */
  isOneOf(column: string, values: readonly (string | number)[]): RawBuilder<boolean>;
  /**
   * Condition: the two columns, which are a key, have the values of `first` and of one of `seconds`. PostgreSQL expects
   * one row for each, however frequent the values are.
   */
  isOneKeyOf(
    columns: readonly [string, string],
    first: number,
    seconds: readonly string[],
  ): RawBuilder<boolean>;
  /** Condition: the column contains the text. The case of ASCII letters does not matter. */
  containsText(column: string, text: string): RawBuilder<boolean>;
  /**
   * Condition: the column has a value of a subquery that selects one column, refers to the row of an outer table, and
   * has a limit. The database runs the subquery once per outer row, and finds the column's rows by an index.
   */
  isInLimited(column: string, subquery: RawBuilder<unknown>): RawBuilder<boolean>;
  /**
   * The name of the repository in the column `subject` of an audit row: the text before the first `:` or `@`. An index
   * has this expression.
   */
  readonly repositoryOfSubject: RawBuilder<string>;
  /** The query, which also locks rows until the transaction ends. See `locks.ts`. */
  locked<Tables, Table extends keyof Tables, Row>(
    query: SelectQueryBuilder<Tables, Table, Row>,
    ...locks: readonly RowLock[]
  ): SelectQueryBuilder<Tables, Table, Row>;
  /** Locks a name until the transaction ends. Several transactions may share it. */
  lockName(tx: Db, name: string, how: "shared" | "alone"): Promise<void>;
}

/** Runs a statement whose text is complete, and returns its rows. Rejects with DatabaseError. */
export type RunStatement = (
  text: string,
  parameters: readonly unknown[],
) => Promise<readonly unknown[]>;

/** The adapter of a Kysely dialect, with the dialect of Berth's own queries. */
export interface BerthAdapter {
  readonly dialect: Dialect;
  /** Runs a statement on the connection of the adapter, without the steps that Kysely has for others. */
  readonly run: RunStatement;
}

const adapterOf = (db: Db): BerthAdapter => db.getExecutor().adapter as unknown as BerthAdapter;

/** The dialect of a connection or a transaction. */
export const dialectOf = (db: Db): Dialect => adapterOf(db).dialect;

/** Runs a statement on a connection or in a transaction. */
export const runOn = (db: Db, ...statement: Parameters<RunStatement>): ReturnType<RunStatement> =>
  adapterOf(db).run(...statement);
