import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
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
  /** Commits one transaction from the queue: the ids of its commands, and whether it was flushed. */
  const take = async (queue: Request[]) => {
    const answers = await commit((isFit) =>
      queue[0] !== undefined && isFit(queue[0]) ? queue.shift() : undefined,
    );
    const level = connection.pragma("synchronous", { simple: true });
    return { ids: answers.map(({ id }) => id), isFlushed: level === 2 };
  };
  return { take, close: () => connection.close() };
}

describe("queued commands", () => {
  test("are flushed in one transaction if the first command requires a flush", async () => {
    const { take, close } = open();
    const queue = [command(1, true), command(2, false), command(3, true)];
    assert.deepEqual(await take(queue), { ids: [1, 2, 3], isFlushed: true });
    close();
  });

  test("before the first command that requires a flush are committed without a flush, in order", async () => {
    const { take, close } = open();
    const queue = [command(1, false), command(2, false), command(3, true), command(4, false)];
    assert.deepEqual(await take(queue), { ids: [1, 2], isFlushed: false });
    assert.deepEqual(await take(queue), { ids: [3, 4], isFlushed: true });
    close();
  });
});
