import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { systemActor } from "../../../src/database/permissions/authority.ts";
import { judged } from "../../support/pushes.ts";
import { openTestDatabase } from "../../support/database.ts";

/** Opens a database with users and repositories. */
async function openWorld(users: number, repositories: number) {
  const { tables, ...database } = await openTestDatabase();
  for (let id = userBase + 1; id <= userBase + users; id += 1)
    await tables.insert("accounts", { id, name: `user${id}`, kind: "user", created_at: 0 });
  const times = { created_at: 0, updated_at: 0 };
  for (let id = 1; id <= repositories; id += 1)
    await tables.insert("repositories", { id, name: nameOf(id), namespace: "team", ...times });
  const by = (userId: number) => judged({ accountId: userBase + userId, name: "", peer: "" });
  return {
    tables,
    database,
    star: (userId: number, id = 1) =>
      database.commands.star({ actor: by(userId), repository: nameOf(id), nowMs: 0 }),
    rank: (limit: number) => database.commands.rankByStars({ limit }),
    counted: () => tables.value("SELECT star_count FROM repositories WHERE id = 1"),
    searched: () => tables.value("SELECT stars FROM search_documents WHERE repository_id = 1"),
  };
}

/** Migrations create accounts with low ids, so the ids of the test's users start above them. */
const userBase = 1_000;
const nameOf = (id: number) => parseRepositoryName(`team/app${id}`);

describe("a star", () => {
  test("is counted at once and reaches the search index in a later step", async () => {
    const { star, rank, counted, searched } = await openWorld(2, 1);
    await star(1);
    await star(2);
    assert.deepEqual([await counted(), await searched()], [2, 0]);
    assert.equal(await rank(10), false);
    assert.equal(await searched(), 2);
  });

  test("on each of 7 repositories reaches the search index in batches of at most 3", async () => {
    const { star, rank } = await openWorld(1, 7);
    for (let id = 1; id <= 7; id += 1) await star(1, id);
    assert.deepEqual([await rank(3), await rank(3), await rank(3)], [true, true, false]);
  });

  test("on a deleted repository leaves no search update", async () => {
    const { database, star, tables } = await openWorld(1, 1);
    await star(1);
    assert.equal(await tables.value("SELECT count(*) FROM search_star_changes"), 1);
    await database.commands.deleteRepository({
      ...{ actor: systemActor("berth"), repository: nameOf(1), nowMs: 0 },
    });
    assert.equal(await tables.value("SELECT count(*) FROM search_star_changes"), 0);
  });
});

test("a repository has at most 100 search facets of a kind, even if it has 300 architectures", async () => {
  const { tables } = await openWorld(0, 1);
  const image = { media_type: "a/b", kind: "image", os: "linux", content: Buffer.of(0) };
  const push = (digest: string, architecture: string) =>
    tables.insert("manifests", {
      ...{ ...image, repository_id: 1, digest: `sha256:${digest}`, size_bytes: 1, architecture },
      ...{ pushed_at: 0, leased_until: 0 },
    });
  for (let at = 0; at < 300; at += 1) await push(String(at), `a${at}`);
  await push("again", "a7");
  await push("long", "l".repeat(129));
  const counts = await tables.rows(
    `SELECT facet, count(*) AS number, max(uses) AS uses FROM repository_facets
     GROUP BY facet ORDER BY facet`,
  );
  assert.deepEqual(counts, [
    { facet: "architecture", number: 100, uses: 2 },
    { facet: "os", number: 1, uses: 302 },
    { facet: "type", number: 1, uses: 302 },
  ]);
});
