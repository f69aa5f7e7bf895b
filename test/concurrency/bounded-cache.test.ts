import assert from "node:assert/strict";
import { describe, test } from "node:test";
import SqliteDatabase from "../../src/database/sqlite/driver.ts";
import { CompiledQuery } from "kysely";
import { createVerifiedPasswordCache } from "../../src/auth/passwords.ts";
import { createResponseCache } from "../../src/http/middleware/response-cache.ts";
import { createKeysetCursors } from "../../src/catalog/keyset-cursors.ts";
import { createSqliteReads } from "../../src/database/sqlite/reads.ts";
import { queriesOn } from "../../src/database/sqlite/connection.ts";
import { migrate } from "../../src/database/sqlite/migrate.ts";
import { createPendingTagChecks } from "../../src/mirror/pull/tag-checks.ts";
import { NegativeCache } from "../../src/mirror/cache/negative-cache.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseReference, parseTag } from "../../src/oci/reference.ts";
import { createRecentBlobs } from "../../src/registry/recent-blobs.ts";

const mebibyte = 2 ** 20;
const name = parseRepositoryName("team/app");
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);

/** A database with one repository; `runsOf(part)` counts the executed statements that contain `part`. */
function openWatchedDatabase() {
  const run: string[] = [];
  const connection = new SqliteDatabase(":memory:", { verbose: (text) => run.push(String(text)) });
  migrate(connection);
  connection.exec(`
    INSERT INTO repositories (id, name, namespace, created_at, updated_at)
    VALUES (1, 'team/app', 'team', 0, 0)`);
  const runsOf = (part: string): number => run.filter((text) => text.includes(part)).length;
  return { connection, runsOf };
}

describe("a full cache keeps the entry that is in use and removes the least recently used:", () => {
  test("the response cache of listings", async () => {
    const kept = createResponseCache(() => Promise.resolve("1"));
    let made = 0;
    const ask = () => kept.of("in use", () => Promise.resolve((made += 1)));
    for (const at of numbers(20)) {
      await ask();
      await kept.of(`other ${at}`, () => Promise.resolve("x".repeat(mebibyte)));
    }
    assert.equal(made, 1);
  });

  test("the manifest cache", async () => {
    const { connection, runsOf } = openWatchedDatabase();
    const insert = connection.prepare(
      `INSERT INTO manifests (repository_id, digest, media_type, kind, size_bytes, content, pushed_at, leased_until)
       VALUES (1, ?, 'a/b', 'image', ?, ?, 0, 0)`,
    );
    const digests = numbers(40).map((at) => {
      const content = Buffer.alloc(mebibyte, at);
      insert.run(digestOf(content), content.length, content);
      return digestOf(content);
    });
    const { manifests } = createSqliteReads(connection).reads.facts;
    const [inUse = digestOf(Buffer.of())] = digests;
    for (const digest of digests) {
      await manifests.get(name, parseReference(inUse));
      await manifests.get(name, parseReference(digest));
    }
    assert.equal(runsOf("manifests.digest ="), digests.length);
  });

  test("the repository cache, also when clients request many unknown names", async () => {
    const { connection, runsOf } = openWatchedDatabase();
    const { repositories } = createSqliteReads(connection).reads.facts;
    for (const at of numbers(20_000)) {
      await repositories.get(name);
      await repositories.get(parseRepositoryName(`none/${at}`));
    }
    assert.equal(runsOf("AS hasNamespace"), 20_001);
  });

  test("the search count cache", async () => {
    const { connection, runsOf } = openWatchedDatabase();
    const { search } = createSqliteReads(connection).reads;
    const visibility = { kind: "everything" } as const;
    const ask = (word: string) =>
      search.find({ visibility, words: [word], offset: 0, limit: 1, countAtMost: 100 });
    for (const at of numbers(1_200)) {
      await ask("inuse");
      await ask(`other${at}`);
    }
    // A search has two counts: of words that begin so, and of other parts of names.
    assert.equal(runsOf("count(*) AS total"), 2 * 1_201);
  });

  test("the verified-password cache", () => {
    const remembered = createVerifiedPasswordCache(() => 0);
    const inUse = remembered.keyOf("in use");
    remembered.add(inUse);
    for (const at of numbers(2_000)) {
      assert.ok(remembered.has(inUse), `forgotten after ${at} others`);
      remembered.add(remembered.keyOf(String(at)));
    }
    assert.equal(remembered.has(remembered.keyOf("0")), false);
  });

  test("the negative cache of a mirror", () => {
    const missing = new NegativeCache(() => 0, 1);
    missing.add("in use");
    for (const at of numbers(20_000)) {
      assert.ok(missing.has("in use"), `forgotten after ${at} others`);
      missing.add(String(at));
    }
    assert.equal(missing.has("0"), false);
  });
});

describe("the bytes of a cache are bounded, however small or large its entries are:", () => {
  test("200 search counts with texts of 10 kB evict a search count with a short text", async () => {
    const { connection, runsOf } = openWatchedDatabase();
    const { search } = createSqliteReads(connection).reads;
    const visibility = { kind: "everything" } as const;
    const ask = (word: string) =>
      search.find({ visibility, words: [word], offset: 0, limit: 1, countAtMost: 100 });
    await ask("first");
    for (const at of numbers(200)) await ask(`${at}${"x".repeat(10_000)}`);
    await ask("first");
    // A long text is no part of a name, so it has one count; "first" has two.
    assert.equal(runsOf("count(*) AS total"), 2 * 2 + 200);
  });

  test("1,000 keyset cursors of search texts of 10 kB evict the cursor of a short text", () => {
    const marks = createKeysetCursors<string>(() => 0);
    marks.end("first", 1, 10, "tenth");
    for (const at of numbers(1_000)) marks.end(`${at}${"x".repeat(10_000)}`, 1, 10, "tenth");
    assert.deepEqual(marks.begin("first", 2, 10), { skip: 10 });
  });

  test("empty blobs have a size in the recent-blob cache: 40,000 of them evict the first", () => {
    const recent = createRecentBlobs();
    const first = digestOf(Buffer.of());
    recent.keep(first, Buffer.of());
    for (const at of numbers(40_000)) recent.keep(digestOf(Buffer.from(`${at}`)), Buffer.of());
    assert.equal(recent.find(first), undefined);
  });

  test("a mirror keeps pending tag checks for only the last 100 tags of one manifest", () => {
    const awaited = createPendingTagChecks(() => 0);
    const digest = digestOf(Buffer.of(1));
    for (const at of numbers(1_000)) awaited.add(name, digest, parseTag(`t${at}`));
    const tags = awaited.take(name, digest);
    assert.deepEqual([tags.length, tags[0], tags.at(-1)], [100, "t900", "t999"]);
  });

  test("a prepared statement in use is not compiled again, and an unused one is evicted", async () => {
    const connection = new SqliteDatabase(":memory:");
    const compiled: string[] = [];
    const watched = new Proxy(connection, {
      get: (target, key) => {
        if (key !== "prepare") return Reflect.get(target, key, target) as unknown;
        return (text: string) => {
          compiled.push(text);
          return target.prepare(text);
        };
      },
    });
    const db = queriesOn(watched);
    const run = (text: string) => db.executeQuery(CompiledQuery.raw(text));
    await run("SELECT 'unused'");
    for (const at of numbers(3_000)) {
      await run("SELECT 'in use'");
      await run(`SELECT ${at}`);
    }
    await run("SELECT 'unused'");
    const times = (text: string) => compiled.filter((one) => one === text).length;
    assert.deepEqual([times("SELECT 'unused'"), times("SELECT 'in use'")], [2, 1]);
  });
});
