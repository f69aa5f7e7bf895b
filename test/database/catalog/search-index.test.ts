import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { systemActor } from "../../../src/database/permissions/authority.ts";
import { judged } from "../../support/pushes.ts";
import { openMetadataInMemory } from "../../support/database.ts";

/** Opens a database with users, and with repositories whose READMEs have 2,500 words. */
function openWorld(users: number, repositories: number) {
  const connection = new SqliteDatabase(":memory:");
  const database = openMetadataInMemory(connection);
  const readme = Array.from({ length: 2_500 }, (_, word) => `word${word}`).join(" ");
  for (let user = 1; user <= users; user += 1)
    connection.exec(
      `INSERT INTO accounts (id, name, kind, created_at) VALUES (${userBase + user}, 'user${user}', 'user', 0)`,
    );
  for (let id = 1; id <= repositories; id += 1)
    connection.exec(`
      INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (${id}, 'team/app${id}', 'team', 0, 0);
      INSERT INTO repository_descriptions (repository_id, short_text, full_text) VALUES (${id}, '', '${readme}')`);
  const starsOf = (table: string, column: string, key: string) =>
    connection.prepare(`SELECT ${column} FROM ${table} WHERE ${key} = 1`).pluck().get();
  const by = (userId: number) => judged({ accountId: userBase + userId, name: "", peer: "" });
  return {
    database,
    star: (userId: number, id = 1) =>
      database.commands.star({ actor: by(userId), repository: nameOf(id), nowMs: 0 }),
    unstar: (userId: number, id = 1) =>
      database.commands.unstar({ actor: by(userId), repository: nameOf(id), nowMs: 0 }),
    rank: (limit: number) => database.commands.rankByStars({ limit }),
    counted: () => starsOf("repositories", "star_count", "id"),
    searched: () => starsOf("search_documents", "stars", "repository_id"),
    /** Number of rows written since the database was opened, including rows of the search index. */
    written: () => connection.prepare("SELECT total_changes()").pluck().get() as number,
  };
}

/** Migrations create accounts with low ids, so the ids of the test's users start above them. */
const userBase = 1_000;
const nameOf = (id: number) => parseRepositoryName(`team/app${id}`);

describe("a star", () => {
  test("is counted at once and reaches the search index in a later step", async () => {
    const { star, rank, counted, searched } = openWorld(2, 1);
    await star(1);
    await star(2);
    assert.deepEqual([counted(), searched()], [2, 0]);
    assert.equal(await rank(10), false);
    assert.equal(searched(), 2);
  });

  test("that is removed and added again 20 times writes no search document", async () => {
    const { star, unstar, rank, written } = openWorld(1, 1);
    await star(1);
    await rank(10);
    const before = written();
    for (let round = 0; round < 20; round += 1) {
      await unstar(1);
      await star(1);
    }
    // Each command writes the star and the star count; one command also queues the search update.
    assert.ok(written() - before <= 20 * 4 + 1, `${written() - before} rows`);
    const queued = written();
    await rank(10);
    assert.equal(written() - queued, 1, "the row that says that the search has to follow");
  });

  test("on each of 7 repositories reaches the search index in batches of at most 3", async () => {
    const { star, rank } = openWorld(1, 7);
    for (let id = 1; id <= 7; id += 1) await star(1, id);
    assert.deepEqual([await rank(3), await rank(3), await rank(3)], [true, true, false]);
  });

  test("on a deleted repository leaves no search update", async () => {
    const { database, star, rank, written } = openWorld(1, 1);
    await star(1);
    await database.commands.deleteRepository({
      ...{ actor: systemActor("berth"), repository: nameOf(1), nowMs: 0 },
    });
    const before = written();
    await rank(10);
    assert.equal(written(), before);
  });
});

test("a repository has at most 100 search facets of a kind, even if it has 300 architectures", () => {
  const connection = new SqliteDatabase(":memory:");
  openMetadataInMemory(connection);
  connection.exec(
    "INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (1, 'a/b', 'a', 0, 0)",
  );
  const push = connection.prepare(
    `INSERT INTO manifests (repository_id, digest, media_type, kind, size_bytes, os, architecture, pushed_at, leased_until, content)
     VALUES (1, ?, 'a/b', 'image', 1, 'linux', ?, 0, 0, x'00')`,
  );
  for (let at = 0; at < 300; at += 1) push.run(`sha256:${at}`, `a${at}`);
  push.run("sha256:again", "a7");
  push.run("sha256:long", "l".repeat(129));
  const counts = connection
    .prepare(
      "SELECT facet, count(*) AS values_, max(uses) AS uses FROM repository_facets GROUP BY facet",
    )
    .all();
  assert.deepEqual(counts, [
    { facet: "architecture", values_: 100, uses: 2 },
    { facet: "os", values_: 1, uses: 302 },
    { facet: "type", values_: 1, uses: 302 },
  ]);
});
