import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createNamespacePageReads } from "../../../src/database/catalog/namespace-pages.ts";
import { createRepositoryDetailReads } from "../../../src/database/catalog/repository-details.ts";
import { createSearchReads } from "../../../src/database/catalog/search.ts";
import { createTagRelationReads } from "../../../src/database/catalog/tag-relations.ts";
import { createTagPageReads } from "../../../src/database/catalog/tag-pages.ts";
import { createCatalogReads } from "../../../src/database/catalog/visibility-filter.ts";
import { queriesForLists } from "../../../src/database/postgres/connection.ts";
import type { PostgresDatabase } from "../../../src/database/postgres/open.ts";
import { PostgresSearchIndex } from "../../../src/database/postgres/search-index.ts";
import { createBlobReads, linkedBlob } from "../../../src/database/registry/blobs.ts";
import { createTagReads } from "../../../src/database/registry/tags.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { parseTag } from "../../../src/oci/reference.ts";
import { createTestSchema, isPostgresTested, openPostgresAt } from "../../support/postgres.ts";

/** 10,000 repositories, half of them in one namespace; 30,000 tags of which one repository has 10,000, and a user with a team. */
const registry = `
  SET session_replication_role = replica;
  INSERT INTO accounts (id, name, kind, created_at) VALUES (10, 'big', 'organisation', 0), (11, 'ann', 'user', 0);
  INSERT INTO members VALUES (10, 11, 'member', 0);
  INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, 10, 'dev', 0);
  INSERT INTO team_members VALUES (1, 11, 0);
  INSERT INTO repositories (id, name, namespace, created_at, updated_at, visibility, pull_rank)
    SELECT id, namespace || '/app' || id, namespace, id, id, CASE WHEN id % 3 = 0 THEN 'private' ELSE 'public' END, id % 50
    FROM (SELECT id, CASE WHEN id % 2 = 0 THEN 'big' ELSE 'ns' || id % 200 END AS namespace FROM generate_series(1, 10000) AS id) AS new;
  INSERT INTO repository_descriptions
    SELECT id, 'common ' || CASE WHEN id % 100 = 0 THEN 'rare' ELSE '' END, '' FROM repositories;
  INSERT INTO team_permissions SELECT 1, id, 'read' FROM repositories WHERE id % 300 = 0;
  INSERT INTO manifests (id, repository_id, digest, media_type, kind, size_bytes, pushed_at, leased_until, content)
    SELECT id, id, 'sha256:' || id, 'a/b', 'image', 1, 0, 0, '' FROM repositories;
  INSERT INTO tags (repository_id, name, manifest_id, updated_at)
    SELECT id, 't' || number, id, number FROM repositories, generate_series(1, 2) AS number
    UNION ALL SELECT 2, 'v' || number, 2, number FROM generate_series(1, 10000) AS number;
  INSERT INTO tag_history (repository_id, name, digest, changed_at) SELECT repository_id, name, 'sha256:1', 0 FROM tags;
  INSERT INTO blobs (id, digest, size_bytes, storage_key, created_at)
    SELECT id, 'sha256:' || id, 1, id, 0 FROM repositories;
  INSERT INTO blob_links SELECT id, blob, 0, 0 FROM repositories, LATERAL (VALUES (id), (1)) AS linked (blob) WHERE id > 1;
  INSERT INTO repository_facets SELECT id, facet, 'v' || number, 1 FROM repositories,
    LATERAL (VALUES ('os'), ('os_version'), ('architecture'), ('type')) AS new (facet), generate_series(1, 3) AS number;
  INSERT INTO search_documents (repository_id, is_official, words) SELECT id, 0, search_words_of(id) FROM repositories;
  SET session_replication_role = origin;
  ANALYZE`;

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Plan[];
}

/** The nodes of a plan that read a table or an index. */
const scansOf = (plan: Plan): readonly string[] =>
  (plan["Relation Name"] === undefined ? [] : [plan["Node Type"]]).concat(
    (plan.Plans ?? []).flatMap(scansOf),
  );

/** The rows of tables that a plan reads. */
const rowsRead = (plan: Plan): number =>
  (plan["Relation Name"] === undefined
    ? 0
    : (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0)) * plan["Actual Loops"]) +
  (plan.Plans ?? []).reduce((sum, part) => sum + rowsRead(part), 0);

const planTests = (): void => {
  let database: PostgresDatabase;
  let close: () => Promise<void>;
  const asked: (readonly [text: string, values: readonly unknown[]])[] = [];
  before(async () => {
    const schema = await createTestSchema();
    database = await openPostgresAt(schema.url);
    close = async () => {
      await database.close();
      await schema.drop();
    };
    const connection = await database.pool.connect();
    await connection.query(registry);
    connection.release();
  });
  after(() => close());

  const watched = (): ReturnType<typeof queriesForLists> =>
    queriesForLists({
      read(text, values = []) {
        asked.push([text, values]);
        return database.pool.read(text, values);
      },
    });
  async function planOf(
    [text, values]: readonly [text: string, values: readonly unknown[]],
    settings = "",
  ): Promise<Plan> {
    const connection = await database.pool.connect();
    try {
      await connection.query(`BEGIN; ${settings}`);
      const { rows } = await connection.query<{ "QUERY PLAN": [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
        values,
      );
      await connection.query("ROLLBACK");
      const [row] = rows;
      assert.ok(row);
      return row["QUERY PLAN"][0].Plan;
    } finally {
      connection.release();
    }
  }
  /** Fails for each statement that reads more rows than this. */
  async function assertRowsRead(atMost: number): Promise<void> {
    assert.ok(asked.length > 0);
    const found: string[] = [];
    for (const [text, values] of asked.splice(0)) {
      const rows = rowsRead(await planOf([text, values]));
      if (rows > atMost) found.push(`${rows} rows: ${text} ${JSON.stringify(values)}`);
    }
    assert.deepEqual(found, []);
  }
  const name = parseRepositoryName("big/app2");

  test("a page of a list reads the rows of the page, however many there are", async () => {
    const db = watched();
    const views = [{ kind: "all" }, { kind: "public" }, { kind: "granted", userId: 11 }] as const;
    const after = { name, updatedAtMs: 5_000, pullBucket: 20 };
    for (const view of views)
      for (const order of ["name", "updated", "pulls"] as const)
        for (const descending of [true, false]) {
          const page = { namespace: "big", view, order, descending, skip: 0, limit: 20 };
          await createNamespacePageReads(db).list(page);
          await createNamespacePageReads(db).list({ ...page, after });
        }
    // 17 private repositories of the namespace are granted.
    await assertRowsRead(1_000);
  });

  test("a jump to a late page of a list skips rows in an index alone", async () => {
    const db = watched();
    for (const kind of ["all", "public"] as const)
      for (const order of ["name", "updated", "pulls"] as const)
        for (const descending of [true, false]) {
          const page = { namespace: "big", view: { kind }, order, descending };
          await createNamespacePageReads(db).list({ ...page, skip: 3_000, limit: 100 });
        }
    // PostgreSQL prefers another plan while an old transaction keeps VACUUM from marking the rows as visible to all.
    const ordered = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off";
    for (const one of asked.splice(0))
      assert.deepEqual(scansOf(await planOf(one, ordered)), ["Index Only Scan"], one[0]);
  });

  test("a page of tags reads the rows of the page, in a repository with 10,000 tags too", async () => {
    const db = watched();
    for (const order of ["name", "updated"] as const)
      for (const descending of [true, false]) {
        const page = { repositoryId: 2, order, descending, skip: 0, limit: 20 };
        await createTagPageReads(db).list(page);
        const after = { name: parseTag("v5"), updatedAtMs: 5_000 };
        await createTagPageReads(db).list({ ...page, after });
      }
    await createTagPageReads(db).existing(2, ["t1", "t2"].map(parseTag));
    await createTagPageReads(db).scan(2, {
      ...{ search: "", last: "t2", limit: 10, hasManifestIds: true, hasTimes: true },
    });
    await createTagRelationReads(db).tagsOf([2, 3], 5);
    await createTagRelationReads(db).signed([2, 3]);
    await createTagRelationReads(db).platforms(2, [2, 3]);
    await createTagPageReads(db).find(2, ["t1", "t2", "v1", "v2", "v3"].map(parseTag));
    await createTagReads(db).list(name, { last: "t2", limit: 20 });
    await createRepositoryDetailReads(db).kinds([2, 4, 6]);
    await createRepositoryDetailReads(db).find([name], { fullTexts: true });
    await assertRowsRead(100);
  });

  test("the catalog and a blob that 10,000 repositories link read few rows", async () => {
    const db = watched();
    const user = { kind: "user", accountId: 11 } as const;
    await createCatalogReads(db).list({ kind: "everything" }, { last: "big/a", limit: 20 });
    await createCatalogReads(db).list({ kind: "public" }, { last: "big/a", limit: 20 });
    await createCatalogReads(db).list(user, { last: "big/a", limit: 20 });
    await linkedBlob(db, name, digestOf(Buffer.from("none")));
    await createBlobReads(db).repositoriesLinking("sha256:1" as never, 10);
    // The team has permissions on 33 repositories.
    await assertRowsRead(2_000);
  });

  test("a page of a search reads the rows of frequent words in their order, and all of rare words", async () => {
    const db = watched();
    const search = createSearchReads(db, new PostgresSearchIndex(db, () => Promise.resolve({})));
    for (const words of [[], ["common"], ["c"], ["rare"], ["common", "rare"], ["nothing"]])
      for (const visibility of [{ kind: "public" }, { kind: "user", accountId: 11 }] as const)
        await search.find({ visibility, words, offset: 0, limit: 20, countAtMost: 300 });
    await assertRowsRead(2_000);
  });

  test("a late page of a search for a frequent word reads the rows up to this page", async () => {
    const index = new PostgresSearchIndex(watched(), () => Promise.resolve({}));
    const visibility = { kind: "public" } as const;
    await index.find({ visibility, words: ["c"], offset: 2_900, limit: 100, countAtMost: 3_000 });
    // One of three repositories is private.
    await assertRowsRead(4_600);
  });

  test("the counts of facets read the values of their repositories, not those of others", async () => {
    const search = createSearchReads(
      watched(),
      new PostgresSearchIndex(watched(), () => Promise.resolve({})),
    );
    const ids = Array.from({ length: 250 }, (_, at) => at * 7 + 1);
    const counts = await search.countFacets(ids, ["os", "os_version", "type"]);
    assert.equal(counts.length, 9);
    // Three values of each facet; one facet of the four is not wanted.
    await assertRowsRead(250 * 12);
  });

  test("the ids of the matches of a search read little more than their rows", async () => {
    const index = new PostgresSearchIndex(watched(), () => Promise.resolve({}));
    const visibility = { kind: "public" } as const;
    await index.all({ visibility, words: ["c"] }, 1_000);
    await index.all({ visibility, words: ["rare"] }, 1_000);
    await assertRowsRead(2_000);
  });
};

if (isPostgresTested) describe("reads of PostgreSQL", planTests);
