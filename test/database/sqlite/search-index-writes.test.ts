import assert from "node:assert/strict";
import { test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { openSqliteInMemory } from "../../support/database.ts";
import { judged } from "../../support/pushes.ts";

test("a star that is removed and added again 20 times writes no search document", async () => {
  const connection = new SqliteDatabase(":memory:");
  const { commands } = openSqliteInMemory(connection);
  const readme = Array.from({ length: 2_500 }, (_, word) => `word${word}`).join(" ");
  connection.exec(`
    INSERT INTO accounts (id, name, kind, created_at) VALUES (1001, 'user', 'user', 0);
    INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (1, 'team/app', 'team', 0, 0);
    INSERT INTO repository_descriptions (repository_id, short_text, full_text) VALUES (1, '', '${readme}')`);
  const actor = judged({ accountId: 1001, name: "", peer: "" });
  const input = { actor, repository: parseRepositoryName("team/app"), nowMs: 0 };
  // Number of rows written since the database was opened, including rows of the search index.
  const written = () => connection.prepare("SELECT total_changes()").pluck().get() as number;

  await commands.star(input);
  await commands.rankByStars({ limit: 10 });
  const before = written();
  for (let round = 0; round < 20; round += 1) {
    await commands.unstar(input);
    await commands.star(input);
  }
  // Each command writes the star and the star count; one command also queues the search update.
  assert.ok(written() - before <= 20 * 4 + 1, `${written() - before} rows`);
  const queued = written();
  await commands.rankByStars({ limit: 10 });
  assert.equal(written() - queued, 1, "the row that says that the search has to follow");
});
