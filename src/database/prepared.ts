import { sql, type CompiledQuery, type RawBuilder } from "kysely";
import { dialectOf, runOn, type Dialect } from "./dialect.ts";
import type { Db } from "./schema.ts";

/*
 * Queries that are built once per dialect. Kysely takes longer to build and to compile a query than SQLite takes to run
 * it, so the statements that every push needs only get their values.
 */

/** Stands for the values of a query while it is built. */
export type Placeholders<Values> = { readonly [Name in keyof Values]: RawBuilder<Values[Name]> };

/** The same for each row. */
export type PlaceholderRows<Values> = readonly [Placeholders<Values>, ...Placeholders<Values>[]];

/** A query that runs many times with other values. */
export interface Prepared<Values, Row> {
  execute(db: Db, values: Values): Promise<readonly Row[]>;
  executeTakeFirst(db: Db, values: Values): Promise<Row | undefined>;
  /** Rejects if the query returns no row. */
  executeTakeFirstOrThrow(db: Db, values: Values): Promise<Row>;
}

/** A built query of Kysely, or of `sql`. */
interface Query<Row> {
  compile(db: Db): CompiledQuery<Row>;
}

/**
 * Prepares a query: `build` runs once per dialect. Its text must not depend on the values.
 * @example prepared((db, { id }: Placeholders<{ id: number }>) => db.deleteFrom("tags").where("manifest_id", "=", id))
 */
export function prepared<Values, Row>(
  build: (db: Db, values: Placeholders<Values>) => Query<Row>,
): Prepared<Values, Row> {
  const ofRows = preparedForRows((db, [values]: PlaceholderRows<Values>) => build(db, values));
  return {
    execute: (db, values) => ofRows.execute(db, [values]),
    executeTakeFirst: (db, values) => ofRows.executeTakeFirst(db, [values]),
    executeTakeFirstOrThrow: (db, values) => ofRows.executeTakeFirstOrThrow(db, [values]),
  };
}

/** More rows are several statements, so that not every number of rows has a text. */
const rowsAtOnce = 32;

/**
 * As {@link prepared}, for a query with the values of any number of rows, whose effect is the same for some rows after the
 * others: `build` runs once per dialect and number of rows, at most 32.
 */
export function preparedForRows<Values, Row>(
  build: (db: Db, rows: PlaceholderRows<Values>) => Query<Row>,
): Prepared<readonly Values[], Row> {
  const statements = new WeakMap<Dialect, Map<number, Statement>>();
  const statementFor = (db: Db, count: number): Statement => {
    const dialect = dialectOf(db);
    let ofDialect = statements.get(dialect);
    if (ofDialect === undefined) statements.set(dialect, (ofDialect = new Map()));
    let statement = ofDialect.get(count);
    if (statement === undefined) {
      const others = Array.from({ length: count - 1 }, (_, at) => placeholdersOf<Values>(at + 1));
      statement = build(db, [placeholdersOf(0), ...others]).compile(db);
      ofDialect.set(count, statement);
    }
    return statement;
  };
  const executeOnce = async (db: Db, rows: readonly Values[]): Promise<readonly Row[]> => {
    const { sql: text, parameters } = statementFor(db, rows.length);
    const valueOf = (parameter: unknown): unknown =>
      parameter instanceof Slot ? rows[parameter.row]?.[parameter.name as keyof Values] : parameter;
    return (await runOn(db, text, parameters.map(valueOf))) as readonly Row[];
  };
  const execute = async (db: Db, rows: readonly Values[]): Promise<readonly Row[]> => {
    if (rows.length > 0 && rows.length <= rowsAtOnce) return await executeOnce(db, rows);
    const found: Row[] = [];
    for (let start = 0; start < rows.length; start += rowsAtOnce)
      found.push(...(await executeOnce(db, rows.slice(start, start + rowsAtOnce))));
    return found;
  };
  const executeTakeFirst = async (db: Db, rows: readonly Values[]): Promise<Row | undefined> => {
    const [first] = await execute(db, rows);
    return first;
  };
  return {
    execute,
    executeTakeFirst,
    async executeTakeFirstOrThrow(db, rows) {
      const first = await executeTakeFirst(db, rows);
      if (first === undefined) throw new Error("the query returned no row");
      return first;
    },
  };
}

type Statement = Pick<CompiledQuery, "sql" | "parameters">;

/** The parameter of a placeholder: the value's name, and the row that has it. */
class Slot {
  readonly row: number;
  readonly name: string | symbol;

  constructor(row: number, name: string | symbol) {
    this.row = row;
    this.name = name;
  }
}

const placeholdersOf = <Values>(row: number): Placeholders<Values> =>
  new Proxy({} as Placeholders<Values>, {
    get: (_none, name) => sql.val(new Slot(row, name)),
    ownKeys: () => {
      throw new Error("a prepared query names each of its values");
    },
  });
