import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createSearch } from "../../../src/catalog/search.ts";
import type { VisibilityFilter } from "../../../src/database/catalog/visibility-filter.ts";
import type { Database } from "../../../src/database/contract.ts";
import type { PostgresDatabase } from "../../../src/database/postgres/open.ts";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { openSqliteInMemory } from "../../support/database.ts";
import { isPostgresTested, openPostgresForTest } from "../../support/postgres.ts";

const namespaces = ["library", "team", "ann", "big"];
const texts = [
  "A web server, fast & small",
  "Crème brûlée for everyone; naïve façade",
  "ПРИВЕТ мир 東京 web",
  "H₂O ½ price! it's C:\\temp 'quoted' @v",
  "x".repeat(70),
  "e\u0301tude ΣΊΣΥΦΟΣ STRASSE straße WEB-server_2.0",
  "",
];

/** 120 repositories, whose stars, pulls, texts, facets and permissions follow from their ids. */
function worldOf(): readonly string[] {
  const statements = [
    `INSERT INTO accounts (id, name, kind, created_at) VALUES (10, 'team', 'organisation', 0), (11, 'ann', 'user', 0),
      (12, 'bob', 'user', 0), (13, 'big', 'organisation', 0)`,
    "INSERT INTO members VALUES (10, 11, 'owner', 0), (13, 12, 'member', 0)",
    "INSERT INTO teams (id, organisation_id, name, created_at) VALUES (5, 13, 'dev', 0)",
    "INSERT INTO team_members VALUES (5, 12, 0)",
  ];
  for (let id = 1; id <= 120; id += 1) {
    const namespace = namespaces[id % 4];
    const name = `${namespace}/${["app", "web", "nginx-proxy"][id % 3]}${id}`;
    const [text, readme] = [texts[id % 7], texts[(id * 3) % 7]].map((one) =>
      one?.replaceAll("'", "''"),
    );
    statements.push(
      `INSERT INTO repositories (id, name, namespace, created_at, updated_at, visibility)
        VALUES (${id}, '${name}', '${namespace}', 0, 0, '${id % 5 === 0 ? "private" : "public"}')`,
      `INSERT INTO repository_descriptions VALUES (${id}, '${text}', '${readme}')`,
      `INSERT INTO manifests (repository_id, digest, media_type, kind, size_bytes, os, os_version, architecture, pushed_at, leased_until, content)
        VALUES (${id}, 'sha256:${id}', 'a/b', 'image', 1, '${id % 2 === 0 ? "linux" : "windows"}', '10.0.${id % 3}_${id}', 'a"\\''${id % 6}', 0, 0, NO_BYTES)`,
    );
    if (id % 10 === 0) statements.push(`INSERT INTO collaborators VALUES (${id}, 12, 'read')`);
    if (id % 15 === 0) statements.push(`INSERT INTO team_permissions VALUES (5, ${id}, 'read')`);
    if (id % 8 === 0)
      statements.push(`UPDATE repositories SET pull_rank = ${id % 100} WHERE id = ${id}`);
    if (id % 12 === 0)
      statements.push(`UPDATE search_documents SET stars = ${id % 5} WHERE repository_id = ${id}`);
    if (id % 20 === 0) statements.push(`DELETE FROM collaborators WHERE repository_id = ${id}`);
    if (id % 30 === 0)
      statements.push(`UPDATE repositories SET visibility = 'public' WHERE id = ${id}`);
    if (id % 40 === 0) statements.push(`DELETE FROM manifests WHERE repository_id = ${id}`);
  }
  return statements;
}

const views: readonly VisibilityFilter[] = [
  { kind: "everything" },
  { kind: "public" },
  { kind: "user", accountId: 11 },
  { kind: "user", accountId: 12 },
  { kind: "paths", namespace: "team", paths: ["team/app*", "team/none"] },
];
const searched = [
  ...[
    "",
    "web",
    "w",
    "app",
    "nginx",
    "creme",
    "brûlée",
    "FACADE",
    "привет",
    "東",
    "h₂o",
    "½",
    "c",
    "temp",
    "@v",
  ],
  ...[
    "etude",
    "étude",
    "σισυφος",
    "strasse",
    "straße",
    "server 2",
    "2.0 web",
    "x".repeat(80),
    "'",
    "\\",
    "it's",
  ],
  ...["web:* | app", "!web", "& ( ) <->", "team/app13", "library/nginx-proxy8", "nothing"],
  ...["pp", "eb1", "inx", "roxy web", "bra", "ib pp1", "PP1", "inx-pro", "é p", "x1 web server"],
];
const filters = [
  { facets: { os: ["linux"] } },
  { facets: { os: ["linux", "windows"], architecture: [`a"\\'1`, `a"\\'2`] } },
  { facets: { os: [] }, isOfficial: true },
  { isOfficial: false },
  { namespaces: ["library", "big", "none"], facets: { os_version: ["10.0.1*", "10.0.2_5"] } },
  { withoutNamespaces: ["team", "none"], facets: { os_version: ["10.0.2_*", "10.0"] } },
  { namespaces: ["team", "ann"], withoutNamespaces: ["ann"], isOfficial: false },
  { namespaces: [] },
  { facets: { os_version: ["*"] } },
  { facets: { os: ["x".repeat(3_000)], os_version: [`${"1".repeat(3_000)}*`] } },
];

const searchTests = (): void => {
  let postgres: PostgresDatabase;
  let sqlite: Database;
  let close: () => Promise<void>;
  before(async () => {
    ({ database: postgres, close } = await openPostgresForTest());
    const connection = new SqliteDatabase(":memory:");
    sqlite = openSqliteInMemory(connection);
    const statements = worldOf().join(";\n");
    connection.exec(statements.replaceAll("NO_BYTES", "x''"));
    const client = await postgres.pool.connect();
    await client.query(statements.replaceAll("NO_BYTES", "''"));
    client.release();
  });
  after(() => close());

  test("finds the same repositories in the same order as SQLite's", async () => {
    const counts = {
      of: async () => new Map(),
      ofTags: async () => new Map(),
      scanTags: async () => [],
      days: async () => [],
      knownSinceMs: async () => 0,
    };
    const [onSqlite, onPostgres] = [sqlite, postgres].map((database) =>
      createSearch({ database, counts }),
    );
    assert.ok(onSqlite && onPostgres);
    let [asked, found] = [0, 0];
    for (const visibility of views)
      for (const text of searched)
        for (const filter of [{}, filters[(asked += 1) % filters.length]]) {
          const page = { offset: text === "" ? 7 : 0, limit: 25 };
          const request = { ...filter, visibility, text, ...page };
          const expected = await onSqlite.find(request);
          assert.deepEqual(await onPostgres.find(request), expected, JSON.stringify(request));
          found += expected.total;
        }
    assert.ok(found > 5_000, `${found} repositories`);
  });

  test("finds the same pages when there are more matches than it counts", async () => {
    for (const visibility of views)
      for (const words of [[], ["web"], ["w", "s"]])
        for (const offset of [0, 1, 30]) {
          const exact = "library/web4" as never;
          const query = { visibility, words, exact, offset, limit: 10, countAtMost: 3 };
          assert.deepEqual(await postgres.search.find(query), await sqlite.search.find(query));
        }
  });

  test("has both changes of a repository that two transactions change at the same time", async () => {
    const [first, second] = await Promise.all([postgres.pool.connect(), postgres.pool.connect()]);
    await first.query("BEGIN; INSERT INTO collaborators VALUES (1, 13, 'read')");
    await second.query("BEGIN");
    const later = second.query(
      "UPDATE repository_descriptions SET short_text = 'later' WHERE repository_id = 1",
    );
    // The second transaction now waits for the lock of the first one.
    await pause(100);
    await first.query("COMMIT");
    await later;
    await second.query("COMMIT");
    const { rows } = await first.query(
      `SELECT words @@ '''@u:13'' & ''later'''::tsquery AS both FROM search_documents WHERE repository_id = 1`,
    );
    first.release();
    second.release();
    assert.deepEqual(rows, [{ both: true }]);
  });
};

if (isPostgresTested) describe("the search index in PostgreSQL", searchTests);
