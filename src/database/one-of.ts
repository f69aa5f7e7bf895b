import { sql, type RawBuilder } from "kysely";

/** A list of values as one parameter: the SQL text does not depend on their number, so it is prepared once. */
export const oneOf = <T extends string | number>(values: readonly T[]): RawBuilder<T> =>
  sql<T>`(SELECT value FROM json_each(${JSON.stringify(values)}))`;
