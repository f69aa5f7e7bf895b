import SqliteDatabase, { type Database as SqliteConnection, type Statement } from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import type { Database, Schema } from "../schema.ts";

/** How long the writer waits for a lock that another process holds before it gives up. */
const busyTimeoutMs = 10_000;

export type { SqliteConnection };

/** The one connection that writes. FULL: an acknowledged commit survives a power cut, which NORMAL does not promise in WAL. */
export function openWriteConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { timeout: busyTimeoutMs });
  connection.pragma("journal_mode = WAL");
  connection.pragma("synchronous = FULL");
  connection.pragma("foreign_keys = ON");
  return connection;
}

/** A connection that reads: in WAL it never waits for a writer, whoever that is. */
export function openReadConnection(file: string): SqliteConnection {
  const connection = new SqliteDatabase(file, { readonly: true, fileMustExist: true });
  connection.pragma("cache_size = -16384");
  return connection;
}

/** Kysely on a connection that is already open; statements are compiled once. */
export function queriesOn(connection: SqliteConnection): Database {
  const statements = new Map<string, Statement>();
  return new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        prepare(text: string): Statement {
          let statement = statements.get(text);
          if (statement === undefined) {
            statement = connection.prepare(text);
            statements.set(text, statement);
          }
          return statement;
        },
        close: () => connection.close(),
      },
    }),
  });
}
