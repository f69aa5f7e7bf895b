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
import { createTagReads } from "../../src/metadata/tags.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseReference } from "../../src/oci/reference.ts";

describe("reads", () => {
  test("find everything by an index: what they cost does not grow with the registry", async () => {
    const connection = new SqliteDatabase(":memory:");
    migrate(connection);
    connection.exec(
      "INSERT INTO repositories (id, name, namespace, created_at, updated_at) VALUES (1, 'team/app', 'team', 0, 0)",
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

    assert.ok(asked.length >= 8);
    for (const text of asked) {
      const parameters = Array.from({ length: text.split("?").length - 1 }, () => "x");
      const plan = connection.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...parameters) as {
        detail: string;
      }[];
      const scans = plan.filter(({ detail }) => /^SCAN|TEMP B-TREE/.test(detail));
      assert.deepEqual(scans, [], text);
    }
  });
});
