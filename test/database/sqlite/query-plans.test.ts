import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "../../../src/database/sqlite/driver.ts";
import { createImageReads } from "../../../src/database/catalog/images.ts";
import { createRepositoryDetailReads } from "../../../src/database/catalog/repository-details.ts";
import { createNamespacePageReads } from "../../../src/database/catalog/namespace-pages.ts";
import { createPermissionReads } from "../../../src/database/permissions/check.ts";
import { createTagPageReads } from "../../../src/database/catalog/tag-pages.ts";
import { createCatalogReads } from "../../../src/database/catalog/visibility-filter.ts";
import { createAccessTokenReads } from "../../../src/database/accounts/access-tokens.ts";
import { createAccountReads } from "../../../src/database/accounts/accounts.ts";
import { createMembershipReads } from "../../../src/database/accounts/memberships.ts";
import { createBlobReads } from "../../../src/database/registry/blobs.ts";
import { createTagRelationReads } from "../../../src/database/catalog/tag-relations.ts";
import { createManifestReads } from "../../../src/database/registry/manifests.ts";
import { collectRepositories } from "../../../src/database/registry/repository-removal.ts";
import { createRepositoryReads } from "../../../src/database/registry/repositories.ts";
import { createRepositoryPermissionReads } from "../../../src/database/permissions/facts.ts";
import { queriesOn } from "../../../src/database/sqlite/connection.ts";
import { createCacheInvalidation, createFacts } from "../../../src/database/sqlite/facts.ts";
import { migrate } from "../../../src/database/sqlite/migrate.ts";
import { SqliteSearchIndex } from "../../../src/database/sqlite/search-index.ts";
import { createSearchReads } from "../../../src/database/catalog/search.ts";
import { createStorageUsageReads } from "../../../src/database/catalog/storage-usage.ts";
import { createActivityReads } from "../../../src/database/events/activity.ts";
import { createTagHistoryReads } from "../../../src/database/registry/tag-history.ts";
import { createTagReads } from "../../../src/database/registry/tags.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseRepositoryName } from "../../../src/oci/name.ts";
import { parseReference, parseTag } from "../../../src/oci/reference.ts";

/** A database in memory with one repository, the statements prepared on it, and the query plan of a statement. */
function watchedDatabase() {
  const connection = new SqliteDatabase(":memory:");
  migrate(connection);
  connection.exec(
    "INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (1, 'team/app', 'team', 0, 0); UPDATE repositories SET visibility = 'public'; INSERT INTO repository_facets VALUES (1, 'os', 'linux', 1)",
  );
  const asked: string[] = [];
  const watched = new Proxy(connection, {
    get: (target, key) => {
      if (key !== "prepare") return Reflect.get(target, key, target) as unknown;
      return (text: string) => {
        asked.push(text);
        return target.prepare(text);
      };
    },
  });
  const planOf = (text: string): readonly string[] => {
    const parameters = Array.from({ length: text.split("?").length - 1 }, () => "1");
    const plan = connection.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters);
    return (plan as { detail: string }[]).map(({ detail }) => detail);
  };
  const cacheInvalidation = createCacheInvalidation(connection);
  const openFacts = () => createFacts(watched, cacheInvalidation);
  return { db: queriesOn(watched), openFacts, asked, planOf };
}

/**
 * The permitted scans: the full-text index, the rows of a subquery (`counted`, `others` and `open` have a limit, `one_row` has one row), and
 * the values that are parameters of the statement.
 */
const isOfWords =
  /^SCAN (?:search_index VIRTUAL TABLE INDEX \d+:[=<>]*M|json_each VIRTUAL TABLE INDEX 1:$|\(subquery|counted$|others$|open$|page$|one_row$|CONSTANT ROW)/;

describe("reads", () => {
  test("use an index in every statement, so that their cost does not grow with the registry", async () => {
    const { db, openFacts, asked, planOf } = watchedDatabase();
    const facts = openFacts();
    const name = parseRepositoryName("team/app");
    const digest = digestOf(Buffer.from("x"));
    const page = { last: "a", limit: 10 };
    await facts.blobs.get(name, digest);
    await createBlobReads(db).repositoriesLinking(digest, 10);
    await facts.repositories.get(name);
    await facts.manifests.get(name, parseReference("latest"));
    await facts.manifests.get(name, parseReference(digest));
    await createManifestReads(db).referrers(name, digest, { ...page, artifactTypes: ["a/b"] });
    await createRepositoryReads(db).find(name);
    await createCatalogReads(db).list({ kind: "everything" }, page);
    await createCatalogReads(db).list({ kind: "public" }, page);
    await createTagReads(db).list(name, page);
    await createAccountReads(db).login("mia");
    await createAccessTokenReads(db).login("a hash");
    await createRepositoryPermissionReads(db).facts(1, [name, parseRepositoryName("alpine")]);

    const search = createSearchReads(db, new SqliteSearchIndex(db, () => Promise.resolve({})));
    for (const visibility of [
      { kind: "everything" },
      { kind: "public" },
      { kind: "user", accountId: 1 },
      { kind: "paths", namespace: "team", paths: ["team/*"] },
    ] as const) {
      const query = { visibility, words: ["app"], exact: name, facets: { os: ["linux"] } };
      await search.find({ ...query, offset: 10, limit: 10, countAtMost: 100 });
      await search.all(query, 100);
      await createStorageUsageReads(db).blobsOf(1, visibility, { last: 0, limit: 10 });
    }
    await search.facetsOf([1]);
    await createTagHistoryReads(db).list({ id: 1, name }, parseTag("1"), { skip: 0, limit: 10 });
    await createActivityReads(db).page({ repository: name, action: "repo.tag", limit: 10 });
    await createTagHistoryReads(db).count(1, parseTag("1"));
    await createRepositoryReads(db).registrations([name]);
    await createImageReads(db).manifests(1, [digest]);
    await createImageReads(db).layers(1, 1, 10);
    await createImageReads(db).linkedBlobs(1, [digest]);
    await createTagRelationReads(db).tagsOf([1], 10);
    await createTagRelationReads(db).signed([1]);
    await createTagPageReads(db).scan(1, {
      ...{ search: "", last: "a", limit: 10, hasManifestIds: true, hasTimes: true },
    });
    await createTagPageReads(db).existing(1, [parseTag("1")]);

    assert.ok(asked.length >= 8);
    for (const text of asked) {
      const scans = planOf(text).filter(
        (detail) => /^SCAN|TEMP B-TREE/.test(detail) && !isOfWords.test(detail),
      );
      assert.deepEqual(scans, [], text);
    }
  });

  test("of the catalog of an account scan no table, but sort what the account may see", async () => {
    const { db, asked, planOf } = watchedDatabase();
    const page = { last: "a", limit: 2 };
    await createCatalogReads(db).list({ kind: "user", accountId: 1 }, page);
    await createCatalogReads(db).list({ kind: "paths", namespace: "team", paths: ["*"] }, page);
    assert.equal(asked.length, 2);
    for (const text of asked) {
      const scans = planOf(text).filter((one) => one.startsWith("SCAN") && !isOfWords.test(one));
      assert.deepEqual(scans, [], text);
    }
  });

  test("of the counts of facets find the values of each repository by key", async () => {
    const { db, asked, planOf } = watchedDatabase();
    const search = createSearchReads(db, new SqliteSearchIndex(db, () => Promise.resolve({})));
    await search.countFacets([1, 2], ["os", "type"]);
    const tables = asked.flatMap(planOf).filter((detail) => /repository_facets/.test(detail));
    assert.deepEqual(tables, [
      "SEARCH repository_facets USING PRIMARY KEY (repository_id=? AND facet=?)",
    ]);
  });

  test("of members begin with the users of the page, not with all teams of the organisation", async () => {
    const { db, asked, planOf } = watchedDatabase();
    await createMembershipReads(db).list(1, { limit: 10, offset: 0 });
    const text = asked.find((one) => one.includes("cross join")) ?? "";
    const tables = planOf(text).flatMap((detail) => /^SEARCH (\w+)/.exec(detail)?.[1] ?? []);
    assert.deepEqual(tables, ["team_members", "teams"]);
  });

  test("of repositories without a manifest use the index of these repositories alone", async () => {
    const { db, asked, planOf } = watchedDatabase();
    const page = { createdBeforeMs: 1, afterId: 0, limit: 10 };
    await collectRepositories(db, { nowMs: 2, ...page });
    const plan = asked.flatMap(planOf);
    assert.ok(
      plan.some((detail) => detail.includes("repositories_awaiting_manifest")),
      String(plan),
    );
    assert.ok(!plan.some((detail) => /SCAN repositories/.test(detail)), String(plan));
  });

  test("of pages take their order from an index, and find the details of their rows by key", async () => {
    const { db, asked, planOf } = watchedDatabase();
    const window = { skip: 20, limit: 10 };
    const pages = createNamespacePageReads(db);
    const tags = createTagPageReads(db);
    for (const order of ["name", "updated", "pulls"] as const)
      for (const descending of [true, false]) {
        const after = { name: parseRepositoryName("team/a"), updatedAtMs: 1, pullBucket: 1 };
        for (const kind of ["all", "public"] as const) {
          const list = { namespace: "team", view: { kind }, order, descending, ...window };
          await pages.list(list);
          await pages.list({ ...list, after });
        }
        if (order === "pulls") continue;
        const list = { repositoryId: 1, order, descending, ...window };
        await tags.list(list);
        await tags.list({ ...list, after: { name: parseTag("1.4"), updatedAtMs: 1 } });
      }
    assert.equal(asked.length, 32);
    for (const text of asked) {
      const plan = planOf(text);
      assert.ok(
        plan.some((detail) => /SEARCH \w+ USING (?:(?:COVERING )?INDEX|PRIMARY KEY)/.test(detail)),
        text,
      );
      assert.deepEqual(
        plan.filter((detail) => /^SCAN \w|TEMP B-TREE/.test(detail)),
        [],
        text,
      );
    }
    asked.length = 0;

    const details = createRepositoryDetailReads(db);
    await details.find([parseRepositoryName("team/app")], { fullTexts: true });
    await tags.find(1, [parseTag("1.4")]);
    const images = createImageReads(db);
    await images.entries(1, 1, 200);
    await images.parts(1, 500);
    await images.referrers(1, digestOf(Buffer.from("subject")), 100);
    await images.sizes([1, 2]);
    await createPermissionReads(db).facts(1, "a token", {});
    await pages.count({ namespace: "team", view: { kind: "all" } });
    assert.equal(asked.length, 9);
    for (const text of asked)
      assert.deepEqual(
        planOf(text).filter((detail) => detail.startsWith("SCAN") && !isOfWords.test(detail)),
        [],
        text,
      );
  });
});
