import path from "node:path";
import SqliteDatabase, {
  type Database as SqliteConnection,
} from "../../src/database/sqlite/driver.ts";
import { createCommands } from "../../src/database/commands.ts";
import type { Database } from "../../src/database/contract.ts";
import { createGroupCommit } from "../../src/database/sqlite/group-commit.ts";
import { sqliteError } from "../../src/database/sqlite/errors.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { openSqliteDatabase } from "../../src/database/sqlite/open.ts";
import { createSqliteReads } from "../../src/database/sqlite/reads.ts";
import { sqliteFileTables, sqliteTables, type Tables } from "./tables.ts";

/** A database of a test, with its tables. */
export interface TestDatabase extends Database {
  readonly tables: Tables;
}

/** Opens an empty database. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const connection = new SqliteDatabase(":memory:");
  return { ...openSqliteInMemory(connection), tables: sqliteTables(connection) };
}

/** Opens the database of a data folder as a server does; creates or migrates it if needed. */
export const openDatabaseOf = (data: string): Promise<Database> =>
  openSqliteDatabase(path.join(data, "berth.db"));

/** The tables of the database of a data folder. `file`: its SQLite database, if it has another name than usual. */
export const tablesOf = (data: string, file = path.join(data, "berth.db")): Tables =>
  sqliteFileTables(file);

/** The tables of the pull counters of a data folder. */
export const pullCounterTablesOf = (data: string): Tables =>
  sqliteFileTables(path.join(data, "berth-counts.db"));

/**
 * A database in memory with the writer's commands and transactions, but without its thread. It opens in 1 ms and runs
 * one command after another, so that a test can control every interleaving.
 */
export function openSqliteInMemory(connection: SqliteConnection): Database {
  connection.pragma("foreign_keys = ON");
  migrate(connection);
  const commit = createGroupCommit(connection);
  const { reads, probe, close } = createSqliteReads(connection);
  let last: Promise<unknown> = Promise.resolve();

  const run = async (command: string, input: unknown): Promise<unknown> => {
    const request = { id: 1, command, input, flush: true };
    let given = false;
    const [answer] = await commit(() => {
      if (given) return undefined;
      given = true;
      return request;
    });
    if (answer === undefined) throw new Error("the command was not performed");
    if ("error" in answer) throw sqliteError(answer.error.message, answer.error.code);
    return answer.result;
  };
  const runInOrder = (name: string, input: unknown): Promise<unknown> => {
    const result = last.then(() => run(name, input));
    last = result.catch(() => undefined);
    return result;
  };
  const commands = createCommands(runInOrder);
  return {
    ...reads,
    commands,
    unflushedCommands: commands,
    writer: { run: runInOrder, probe, close },
    probe,
    close,
  };
}
