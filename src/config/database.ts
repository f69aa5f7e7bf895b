import * as z from "zod";
import { bool, duration, integer, parseText, value } from "./values.ts";

/** The URL of a PostgreSQL database. It may have a password, so no message shows it. */
function postgresUrl(): z.ZodType<string> {
  return value({
    allowed: "a URL as postgres://user:password@host:5432/database, or a file to read it from",
    secret: true,
    parse: (raw) => {
      const given = parseText(raw)?.trim();
      if (given === undefined || !URL.canParse(given)) return undefined;
      const { protocol, pathname } = new URL(given);
      const isPostgres = protocol === "postgres:" || protocol === "postgresql:";
      return isPostgres && pathname.length > 1 ? given : undefined;
    },
  });
}

/** The keys of `database`. */
export const databaseSchema = z
  .object({
    url: postgresUrl()
      .optional()
      .describe(
        "The PostgreSQL database of several replicas; if not set, SQLite in the data folder",
      ),
    readUrl: postgresUrl()
      .optional()
      .describe("A standby of PostgreSQL for lists and searches; if not set, database.url"),
    pool: integer({ min: 3, max: 1000 })
      .prefault(10)
      .describe("The maximum number of connections of one process to PostgreSQL"),
    prepare: bool()
      .prefault(true)
      .describe(
        "Prepare statements by name; false behind a pgbouncer before 1.21 in transaction mode",
      ),
    listsMaxAge: duration({ min: 0, max: 60_000 })
      .prefault("2s")
      .describe("The maximum age of lists and search results after a change by another replica"),
  })
  .prefault({});
