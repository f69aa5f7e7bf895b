import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { createCatalogReads } from "../../src/metadata/catalog.ts";
import { createAccessTokenReads } from "../../src/metadata/access-tokens.ts";
import { createAccountReads } from "../../src/metadata/accounts.ts";
import { createBlobReads } from "../../src/metadata/blobs.ts";
import { createManifestReads } from "../../src/metadata/manifests.ts";
import { createRepositoryReads } from "../../src/metadata/repositories.ts";
import { createRightsReads } from "../../src/metadata/rights.ts";
import { queriesOn } from "../../src/metadata/sqlite/connection.ts";
import { migrate } from "../../src/metadata/sqlite/migrate.ts";
import { createSearchReads } from "../../src/metadata/search.ts";
import { createSizeReads } from "../../src/metadata/sizes.ts";
import { createTagHistoryReads } from "../../src/metadata/tag-history.ts";
import { createTagReads } from "../../src/metadata/tags.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import type { Tag } from "../../src/oci/reference.ts";
import { parseReference } from "../../src/oci/reference.ts";

describe("reads", () => {
  test("find everything by an index: what they cost does not grow with the registry", async () => {
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
    const db = queriesOn(watched);
    const name = parseRepositoryName("team/app");
    const digest = digestOf(Buffer.from("x"));
    const page = { last: "a", limit: 10 };
    await createBlobReads(db).find(name, digest);
    await createBlobReads(db).holders(digest, 10);
    await createManifestReads(db).find(name, parseReference("latest"));
    await createManifestReads(db).find(name, parseReference(digest));
    await createManifestReads(db).referrers(name, digest, { ...page, artifactTypes: ["a/b"] });
    await createRepositoryReads(db).find(name);
    await createCatalogReads(db).list({ kind: "everything" }, page);
    await createCatalogReads(db).list({ kind: "public" }, page);
    await createTagReads(db).list(name, page);
    await createAccountReads(db).login("mia");
    await createAccessTokenReads(db).login("a hash");
    await createRightsReads(db).facts(1, [name, parseRepositoryName("alpine")]);

    const freshness = { version: () => ({}), recheck: () => undefined };
    const search = createSearchReads(db, freshness);
    for (const viewer of [
      { kind: "everything" },
      { kind: "public" },
      { kind: "user", accountId: 1 },
      { kind: "paths", namespace: "team", paths: ["team/*"] },
    ] as const) {
      const query = { viewer, words: ["app"], exact: name, facets: { os: ["linux"] } };
      await search.find({ ...query, offset: 10, limit: 10, countAtMost: 100 });
      await createSizeReads(db).blobsOf(1, viewer, { last: 0, limit: 10 });
    }
    await search.facetsOf([1]);
    await createTagHistoryReads(db).list(1, "1" as Tag, { skip: 0, limit: 10 });
    await createTagHistoryReads(db).count(1, "1" as Tag);
    await createRepositoryReads(db).registrations([name]);

    assert.ok(asked.length >= 8);
    for (const text of asked) {
      const parameters = Array.from({ length: text.split("?").length - 1 }, () => "x");
      const plan = connection.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters) as {
        detail: string;
      }[];
      // The words' own index, in its own order, and what a subquery gives.
      const isIndexed = (detail: string): boolean =>
        /^SCAN (?:search_index VIRTUAL TABLE INDEX \d+:[=<>]*M|\(subquery|CONSTANT ROW)/.test(
          detail,
        );
      const scans = plan.filter(
        ({ detail }) => /^SCAN|TEMP B-TREE/.test(detail) && !isIndexed(detail),
      );
      assert.deepEqual(scans, [], text);
    }
  });
});
