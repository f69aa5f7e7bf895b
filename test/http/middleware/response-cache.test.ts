import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createResponseCache } from "../../../src/http/middleware/response-cache.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs, type Ask } from "../hub/support.ts";

/*
 * Lists and searches are cached. Each caller requests each list twice, so that the second answer comes from the cache,
 * and again directly after each change.
 */

const lists = [
  "/v2/namespaces/team/repositories?page_size=100",
  "/v2/namespaces/team/repositories?page_size=100&ordering=-pull_count",
  "/v2/namespaces/team/repositories?page_size=100&name=app",
  "/api/berth/v1/repositories?page_size=100",
  "/api/berth/v1/search?page_size=100&query=app",
  "/v2/search/repositories?page_size=100&query=app",
  "/api/search/v4?size=100&query=app&sort=pull_count",
];

describe("a cached answer of a list or search", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "gil", "tom"]) await berth.addUser(name);
  const team = await berth.addOrganisation("team", "mia");
  const people: readonly (readonly [string, Ask])[] = [
    ["anonymous", await hubAs(berth)],
    ["gil", await hubAs(berth, "gil")],
    ["mia", await hubAs(berth, "mia")],
  ];
  const [, mia] = people[2] ?? [];
  if (mia === undefined) throw new Error("mia has to log in");
  await berth.pushImage("team/app-b", "mia", "public");

  const shows = async (ask: Ask, path: string, name: string): Promise<boolean> => {
    const { status, text, body } = await ask("get", path);
    assert.equal(status, 200);
    const isNamed = text.includes(name);
    const count = (body["count"] ?? body["total"]) as unknown as number;
    const list = (body["results"] ?? []) as unknown as readonly unknown[];
    assert.equal(count, list.length, `${path}: the count`);
    return isNamed;
  };
  const expectFor = async (name: string, seeing: readonly string[], when: string) => {
    for (let round = 0; round < 2; round += 1)
      for (const [who, ask] of people)
        for (const path of lists)
          assert.equal(
            await shows(ask, path, name),
            seeing.includes(who),
            `${path} for ${who}, ${when}`,
          );
  };

  test("is never older than an acknowledged change, for any caller and also for changes by another process", async () => {
    await expectFor("app-a", [], "before the push");
    await berth.pushImage("team/app-a", "mia", "public");
    await expectFor("app-a", ["anonymous", "gil", "mia"], "after the push");
    const path = "/v2/namespaces/team/repositories/app-a";
    await mia("patch", path, { is_private: true });
    await expectFor("app-a", ["mia"], "once it is private");
    await berth.exec(`INSERT INTO collaborators SELECT repositories.id, accounts.id, 'read'
      FROM repositories, accounts WHERE repositories.name = 'team/app-a' AND accounts.name = 'gil'`);
    await expectFor("app-a", ["gil", "mia"], "once it was given to gil, by another process");
    await berth.exec(`UPDATE members SET role = 'member' WHERE organisation_id = ${team}`);
    await expectFor("app-a", ["gil"], "once mia owns nothing");
    await berth.exec(`UPDATE members SET role = 'owner' WHERE organisation_id = ${team}`);
    await mia("delete", path);
    await expectFor("app-a", [], "after its removal");
  });

  test("is for the right query only: a wrong one is answered with 400 each time, for any caller", async () => {
    for (const [who, ask] of people)
      for (const path of lists)
        for (const query of ["size=100", "size=many", "size=many"]) {
          const { status } = await ask("get", path.replace("size=100", query));
          assert.equal(
            status,
            query === "size=many" ? 400 : 200,
            `${path} with ${query} for ${who}`,
          );
        }
  });

  test("has links to the host of the request", async () => {
    await berth.pushImage("team/app-c", "mia", "public");
    for (const host of ["a.example", "b.example", "a.example"]) {
      const path = "/api/berth/v1/repositories?page_size=1";
      const { body } = await berth.api.get(path).set("Host", host).expect(200);
      assert.equal(new URL((body as { next: string }).next).host, host);
    }
  });

  test("of a tag list has the current tags after a deletion", async () => {
    await berth.pushImage("team/tags", "mia", "public");
    const path = "/v2/namespaces/team/repositories/tags/tags";
    const countOf = async (ask: Ask) => (await ask("get", path)).body["count"] as unknown;
    for (const [, ask] of people) assert.equal(await countOf(ask), 1);
    await mia("delete", `${path}/1`);
    for (const [, ask] of people) assert.equal(await countOf(ask), 0);
    await mia("patch", "/v2/namespaces/team/repositories/tags", { is_private: true });
    const [[, anonymous] = []] = people;
    assert.equal((await anonymous?.("get", path))?.status, 404);
  });
});

describe("the response cache", () => {
  test("does not store an answer if the database changed while it was computed", async () => {
    let version = 1;
    const kept = createResponseCache(() => Promise.resolve(String(version)));
    const old = kept.of("a", async () => {
      version += 1;
      return "old";
    });
    assert.equal(String((await old).body), '"old"');
    assert.equal(String((await kept.of("a", async () => "new")).body), '"new"');
    assert.equal(String((await kept.of("a", async () => "newer")).body), '"new"');
  });

  test("computes an answer again after 60 seconds, or after 9 MiB of other answers evicted it", async () => {
    let nowMs = 0;
    const kept = createResponseCache(
      () => Promise.resolve("1"),
      () => nowMs,
    );
    const ask = async (key: string, text: string) =>
      String((await kept.of(key, async () => text)).body);
    await ask("a", "1");
    nowMs = 60_001;
    assert.equal(await ask("a", "2"), '"2"');
    for (let number = 0; number < 9; number += 1) await ask(`big ${number}`, "x".repeat(2 ** 20));
    assert.equal(await ask("a", "3"), '"3"');
  });
});

describe("a response with an ETag", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("ann");
  await berth.addUser("mia");
  const ann = berth.as("ann");
  await berth.pushImage("ann/app", "ann", "private");

  for (const path of [
    "/api/berth/v1/repositories",
    "/api/berth/v1/search?query=app",
    "/api/berth/v1/repositories/ann/app",
    "/api/berth/v1/repositories/ann/app/-/tags",
    "/api/berth/v1/repositories/ann/app/-/tags/1",
    "/api/berth/v1/repositories/ann/app/-/tags/1/history",
    "/v2/namespaces/ann/repositories/app/tags",
  ])
    test(`is 304 until it changes, for ${path}`, async () => {
      const { headers, text } = await ann.api.get(path).expect(200);
      const etag = headers["etag"] ?? "";
      assert.match(etag, /^"[\w-]{43}"$/);
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
        const same = await ann.api.get(path).set("If-None-Match", known).expect(304);
        assert.deepEqual([same.text, same.headers["etag"]], ["", etag]);
      }
      await ann.api.head(path).set("If-None-Match", etag).expect(304);
      const other = await ann.api.get(path).set("If-None-Match", '"other"').expect(200);
      assert.equal(other.text, text);
      await berth.pushImage(`ann/app-${Date.now()}`, "ann", "private");
      await berth.exec(
        "UPDATE repositories SET star_count = star_count + 1 WHERE name = 'ann/app'",
      );
      await berth.exec("UPDATE tags SET updated_at = updated_at + 1000");
      await berth.exec("UPDATE tag_history SET changed_at = changed_at + 1000");
      const changed = await ann.api.get(path).set("If-None-Match", etag).expect(200);
      assert.notEqual(changed.headers["etag"], etag);
    });

  test("is not for a caller without the permission, whatever ETag the request has", async () => {
    const path = "/api/berth/v1/repositories/ann/app";
    const { headers } = await ann.api.get(path).expect(200);
    for (const known of [headers["etag"] ?? "", "*"])
      await berth.as("mia").api.get(path).set("If-None-Match", known).expect(404);
  });
});
