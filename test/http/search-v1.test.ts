import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth, type ClosedBerth } from "../support/closed.ts";
import type { TestBerth } from "../support/berth.ts";
import { waitUntil } from "../support/wait.ts";
import { hubAs } from "./hub/support.ts";

/** Names of the found repositories, in the order of the answer. */
async function namesFor(berth: TestBerth, text: string, docker = true): Promise<readonly string[]> {
  const asked = berth.api.get("/v1/search").query({ q: text, n: 100 });
  if (docker) asked.set("X-Docker-Token", "true");
  const { body } = await asked.expect(200);
  const { results, num_results } = body as {
    results: { name: string }[];
    num_results: number;
  };
  assert.equal(num_results, results.length, "nothing is counted that is not shown");
  return results.map(({ name }) => name);
}

async function openWorld(): Promise<ClosedBerth> {
  const berth = await startClosedBerth();
  for (const name of ["ann", "mia", "rita", "tom"]) await berth.addUser(name);
  await berth.addOrganisation("team", "ann");
  return berth;
}

describe("the search of docker and podman (/v1/search)", () => {
  test("GET /v1/_ping answers that the registry is standalone", async () => {
    const berth = await openWorld();
    const { headers, body } = await berth.api.get("/v1/_ping").expect(200);
    assert.equal(headers["x-docker-registry-standalone"], "true");
    assert.deepEqual(body, { standalone: true });
  });

  test("each caller finds exactly the repositories that they may read, and the count matches", async () => {
    const berth = await openWorld();
    await berth.pushImage("team/tool-open", "ann", "public");
    for (const name of ["tool-ours", "tool-given", "tool-teams"])
      await berth.pushImage(`team/${name}`, "ann", "private");
    await berth.pushImage("mia/tool-mine", "mia", "private");
    await berth.exec(`
      INSERT INTO collaborators SELECT r.id, a.id, 'read' FROM repositories r, accounts a
        WHERE r.name = 'team/tool-given' AND a.name = 'rita';
      INSERT INTO teams (organisation_id, name, created_at) SELECT id, 'devs', 0 FROM accounts WHERE name = 'team';
      INSERT INTO team_members SELECT t.id, a.id, 0 FROM teams t, accounts a WHERE a.name = 'tom';
      INSERT INTO team_permissions SELECT t.id, r.id, 'write' FROM teams t, repositories r WHERE r.name = 'team/tool-teams'`);
    const robot = await berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/tool-o*", scopes: ["scope-image-pull"] },
    ]);
    const seenBy = async (who: TestBerth) => (await namesFor(who, "tool")).toSorted();
    assert.deepEqual(await seenBy(berth), ["team/tool-open"]);
    assert.deepEqual(await seenBy(berth.as("mia")), ["mia/tool-mine", "team/tool-open"]);
    assert.deepEqual(await seenBy(berth.as("rita")), ["team/tool-given", "team/tool-open"]);
    assert.deepEqual(await seenBy(berth.as("tom")), ["team/tool-open", "team/tool-teams"]);
    assert.deepEqual(await seenBy(berth.as("team", robot)), ["team/tool-open", "team/tool-ours"]);
    assert.equal((await seenBy(berth.as("ann"))).length, 4);
    assert.equal((await seenBy(berth.as("admin"))).length, 5);

    await berth.exec("DELETE FROM team_members; DELETE FROM collaborators");
    assert.deepEqual(await seenBy(berth.as("tom")), ["team/tool-open"]);
    assert.deepEqual(await seenBy(berth.as("rita")), ["team/tool-open"]);
    await berth.exec("UPDATE repositories SET visibility = 'private'");
    assert.deepEqual(await seenBy(berth.as("rita")), []);
  });

  test("the exact name of a private repository finds it only for accounts that may read it", async () => {
    const berth = await openWorld();
    await berth.pushImage("team/tool", "ann", "private");
    await berth.pushImage("team/tool-open", "ann", "public");
    assert.deepEqual(await namesFor(berth, "team/tool"), ["team/tool-open"]);
    assert.deepEqual(await namesFor(berth.as("mia"), "team/tool"), ["team/tool-open"]);
    assert.deepEqual(await namesFor(berth.as("ann"), "team/tool"), ["team/tool", "team/tool-open"]);
  });

  test("wrong credentials are rejected with 401, even where public repositories match", async () => {
    const berth = await openWorld();
    await berth.pushImage("team/open", "ann", "public");
    await berth.as("mia", "wrong").api.get("/v1/search").query({ q: "open" }).expect(401);
  });

  test("podman gets 401 or 404 instead of an empty list, so that it reads the catalog; docker gets the list", async () => {
    const berth = await openWorld();
    await berth.pushImage("team/secret", "ann", "private");
    await berth.api.get("/v1/search").query({ q: "secret" }).expect(401);
    await berth.pushImage("team/open", "ann", "public");
    await berth.api.get("/v1/search").query({ q: "secret" }).expect(404);
    assert.deepEqual(
      await namesFor(berth, "secret", true),
      [],
      "docker is told that there is none",
    );
    await berth.api.get("/v1/search").query({ q: "secret", n: 100 }).expect(404);
    assert.deepEqual(await namesFor(berth, "open", false), ["team/open"]);
  });

  test("results are ordered by exact name, official, stars and pulls", async () => {
    const berth = await openWorld();
    for (const name of ["mia/nginx", "mia/nginx-a", "mia/nginx-b", "mia/nginx-c"])
      await berth.pushImage(name, "mia", "public");
    await berth.pushImage("library/nginx-z", "admin", "public");
    await berth.exec(`
      UPDATE search_documents SET pull_rank = 9 WHERE repository_id IN
        (SELECT id FROM repositories WHERE name = 'mia/nginx-c')`);
    await (
      await hubAs(berth, "ann")
    )("post", "/v2/repositories/mia/nginx-b/stars/", {});
    await waitUntil(
      "the star has reached the search",
      async () => (await namesFor(berth, "mia/nginx"))[1] === "mia/nginx-b",
    );
    assert.deepEqual(await namesFor(berth, "mia/nginx"), [
      ...["mia/nginx", "mia/nginx-b", "mia/nginx-c", "mia/nginx-a"],
    ]);
    assert.deepEqual(await namesFor(berth, "nginx"), [
      ...["nginx-z", "mia/nginx-b", "mia/nginx-c", "mia/nginx", "mia/nginx-a"],
    ]);
    await berth.pushImage("library/nginx", "admin", "public");
    const { body } = await berth.api.get("/v1/search").query({ q: "nginx", n: 2 }).expect(200);
    const first = body as { results: { name: string; is_official: boolean }[] };
    assert.deepEqual(
      first.results.map(({ name, is_official }) => [name, is_official]),
      [
        ["nginx", true],
        ["nginx-z", true],
      ],
    );
  });

  test("words of the description and the README are found without regard to case and accents", async () => {
    const berth = await openWorld();
    await berth.pushImage("mia/app", "mia", "public");
    await berth.pushImage("mia/other", "mia", "public");
    await berth.exec(`INSERT INTO repository_descriptions
      SELECT id, 'Ein GRÖSSERES Werkzeug', '# Readme with a Schraubenschlüssel' FROM repositories WHERE name = 'mia/app'`);
    for (const text of ["größeres".replace("ß", "ss"), "grosser", "schrauben", "werkzeug README"])
      assert.deepEqual(await namesFor(berth, text), ["mia/app"], text);
    assert.deepEqual(await namesFor(berth, "werkzeug other"), []);
    await berth.exec("UPDATE repository_descriptions SET short_text = 'nothing'");
    assert.deepEqual(await namesFor(berth, "werkzeug"), []);
  });

  test("any query text is answered 200, including FTS operators, quotes and 5,000 characters", async () => {
    const berth = await openWorld();
    await berth.pushImage("mia/app", "mia", "public");
    const texts = [
      '"',
      "a OR b",
      "name:app",
      "(",
      "-",
      "*",
      "app*",
      "NEAR(a b)",
      "^app",
      "💥",
      "{x}:y",
    ];
    for (const text of [...texts, " ", "", "a".repeat(5000), "a b ".repeat(500)]) {
      const asked = berth.api.get("/v1/search").query({ q: text }).set("X-Docker-Token", "true");
      const { body } = await asked.expect(200);
      assert.ok(Array.isArray((body as { results: unknown }).results), text);
    }
    await berth.api.get("/v1/search").query({ q: "\0" }).expect(400);
    assert.deepEqual(await namesFor(berth, "app*"), ["mia/app"]);
    assert.deepEqual(
      await namesFor(berth, "access:v n6d6961"),
      [],
      "the tokens of access are no words",
    );
  });

  test("n is limited to 100, pages are returned, and an n that is not a number is rejected with 400", async () => {
    const berth = await openWorld();
    for (const name of ["a", "b", "c"]) await berth.pushImage(`mia/x-${name}`, "mia", "public");
    const ask = async (query: object) =>
      (
        await berth.api
          .get("/v1/search")
          .query({ q: "x", ...query })
          .expect(200)
      ).body as {
        page_size: number;
        num_pages: number;
        results: { name: string }[];
      };
    assert.equal((await ask({})).page_size, 25);
    assert.equal((await ask({ n: 1000 })).page_size, 100);
    const second = await ask({ n: 2, page: 2 });
    assert.deepEqual([second.num_pages, second.results.map(({ name }) => name)], [2, ["mia/x-c"]]);
    await berth.api.get("/v1/search").query({ q: "x", n: "many" }).expect(400);
  });
});
