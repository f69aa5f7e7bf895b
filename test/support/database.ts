import SqliteDatabase, {
  type Database as SqliteConnection,
} from "../../src/database/sqlite/driver.ts";
import { createCommands } from "../../src/database/commands.ts";
import type { Database } from "../../src/database/contract.ts";
import { createGroupCommit } from "../../src/database/sqlite/group-commit.ts";
import { sqliteError } from "../../src/database/sqlite/errors.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { createSqliteReads } from "../../src/database/sqlite/reads.ts";

/**
 * A database in memory with the writer's commands and transactions, but without its thread. It opens in 1 ms and runs
 * one command after another, so that a test can control every interleaving.
 * @param connection to an empty database, for a test that also reads the tables
 */
export function openMetadataInMemory(
  connection: SqliteConnection = new SqliteDatabase(":memory:"),
): Database {
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
