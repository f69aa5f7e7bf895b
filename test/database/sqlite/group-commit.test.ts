import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { createGroupCommit } from "../../../src/database/sqlite/group-commit.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import type { Request } from "../../../src/database/sqlite/writer.ts";

const command = (id: number, flush: boolean): Request => ({
  ...{ id, flush, command: "seeMirrorProcess" },
  input: { owner: `owner ${id}`, nowMs: id },
});

function open() {
  const connection = new SqliteDatabase(":memory:");
  migrate(connection);
  const commit = createGroupCommit(connection);
  /** The numbers of those that one transaction takes of a queue, and whether it was flushed. */
  const take = async (queue: Request[]) => {
    const answers = await commit((isFit) =>
      queue[0] !== undefined && isFit(queue[0]) ? queue.shift() : undefined,
    );
    const level = connection.pragma("synchronous", { simple: true });
    return { ids: answers.map(({ id }) => id), isFlushed: level === 2 };
  };
  return { take, close: () => connection.close() };
}

describe("commands that wait together", () => {
  test("are flushed if the first of them has to be", async () => {
    const { take, close } = open();
    const queue = [command(1, true), command(2, false), command(3, true)];
    assert.deepEqual(await take(queue), { ids: [1, 2, 3], isFlushed: true });
    close();
  });

  test("are not flushed up to the first that has to be, which keeps its place", async () => {
    const { take, close } = open();
    const queue = [command(1, false), command(2, false), command(3, true), command(4, false)];
    assert.deepEqual(await take(queue), { ids: [1, 2], isFlushed: false });
    assert.deepEqual(await take(queue), { ids: [3, 4], isFlushed: true });
    close();
  });
});
