import { sql, type RawBuilder } from "kysely";

/** What is one of these, as one parameter: however many they are, the statement is the same, and prepared once. */
export const oneOf = <T extends string | number>(values: readonly T[]): RawBuilder<T> =>
  sql<T>`(SELECT value FROM json_each(${JSON.stringify(values)}))`;
