import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, type Ask, type Body } from "../support.ts";

const names = ({ body }: { readonly body: Body }): readonly unknown[] =>
  (body["results"] as unknown as { name: string }[]).map(({ name }) => name);

describe("repositories in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom"]) await berth.addUser(name);
  await berth.addOrganisation("team", "mia");
  const mia = await hubAs(berth, "mia");
  const tom = await hubAs(berth, "tom");
  const anonymous = await hubAs(berth);
  const make = (ask: Ask, namespace: string, name: string, more: object = {}) =>
    ask("post", `/v2/namespaces/${namespace}/repositories/`, {
      ...{ name, namespace, is_private: false, ...more },
    });

  test("a public repository is created by its owner and read by any client at both paths", async () => {
    const made = await make(mia, "mia", "app", { description: "demo", full_description: "# Demo" });
    assert.equal(made.status, 201);
    assert.equal(made.body["is_private"], false);
    for (const path of ["/v2/repositories/mia/app/", "/v2/namespaces/mia/repositories/app"]) {
      const { status, body } = await anonymous("get", path);
      assert.equal(status, 200);
      assert.equal(body["description"], "demo");
      assert.equal(body["full_description"], "# Demo");
      assert.deepEqual(body["permissions"], { read: true, write: false, admin: false });
      assert.equal((await anonymous("head", path)).status, 200);
    }
  });

  test("a change of one description keeps the other", async () => {
    const changed = await mia("patch", "/v2/repositories/mia/app/", {
      registry: "registry-1.docker.io",
      full_description: "# New",
    });
    assert.equal(changed.status, 200);
    assert.equal(changed.body["full_description"], "# New");
    assert.equal(changed.body["description"], "demo");
  });

  test("a repository is changed and deleted by its owner only", async () => {
    assert.equal((await tom("patch", "/v2/repositories/mia/app/", {})).status, 403);
    assert.equal((await anonymous("patch", "/v2/repositories/mia/app/", {})).status, 401);
    assert.equal((await tom("delete", "/v2/repositories/mia/app/")).status, 403);
    assert.equal((await mia("delete", "/v2/repositories/mia/app/")).status, 202);
    assert.equal((await mia("get", "/v2/repositories/mia/app/")).status, 404);
  });

  test("a duplicate, an invalid name, a long description or a foreign namespace is rejected", async () => {
    assert.equal((await make(mia, "mia", "once")).status, 201);
    const again = await make(mia, "mia", "once");
    assert.equal(again.status, 400);
    assert.ok(again.body["fields"]?.["name"]);
    assert.equal((await make(tom, "mia", "other")).status, 403);
    assert.equal((await make(tom, "nowhere", "other")).status, 404);
    assert.equal((await make(mia, "mia", "Bad Name")).status, 400);
    assert.equal((await make(mia, "mia", "x", { description: "ü".repeat(51) })).status, 400);
    const path = "/v2/namespaces/mia/repositories";
    assert.equal((await mia("post", path, { name: "y", namespace: "team" })).status, 400);
  });

  test("a repository name with slashes is reached percent-encoded", async () => {
    assert.equal((await make(mia, "team", "app/api/v1")).status, 201);
    const { status, body } = await anonymous("get", "/v2/repositories/team/app%2Fapi%2Fv1/");
    assert.equal(status, 200);
    assert.equal(body["name"], "app/api/v1");
    assert.equal((await anonymous("get", "/v2/repositories/team/app%2Fapi%2Fv1/tags")).status, 200);
  });

  test("updates and deletions of repositories are in the audit log", async () => {
    const { body } = await mia("get", "/v2/auditlogs/mia?action=repo&page_size=100");
    const logs = body["logs"] as unknown as { action: string; actor: string }[];
    assert.ok(logs.some(({ action, actor }) => action === "repo.update" && actor === "mia"));
    assert.ok(logs.some(({ action }) => action === "repo.delete"));
  });

  test("a repository that was deleted and created again rejects registry tokens from before", async () => {
    await make(mia, "mia", "again", { is_private: true });
    const before = await berth.token("mia", "repository:mia/again:pull");
    await berth.with(before).api.get("/v2/mia/again/tags/list").expect(200);
    await mia("delete", "/v2/repositories/mia/again/");
    await make(mia, "mia", "again", { is_private: true });
    await berth.with(before).api.get("/v2/mia/again/tags/list").expect(401);
  });

  test("a change of visibility changes the count that anonymous clients see", async () => {
    await make(mia, "team", "shown");
    const count = async (ask: Ask) =>
      Number((await ask("get", "/v2/namespaces/team/repositories")).body["count"]);
    const [own, open] = [await count(mia), await count(anonymous)];
    const path = "/v2/namespaces/team/repositories/shown";
    assert.equal((await mia("patch", path, { is_private: true })).body["is_private"], true);
    assert.deepEqual([await count(mia), await count(anonymous)], [own, open - 1]);
    assert.equal((await anonymous("get", path)).status, 404);
    await mia("patch", path, { is_private: false });
    assert.equal(await count(anonymous), open);
  });

  test("a user stars a repository at most once, and the star count follows", async () => {
    await make(mia, "team", "liked");
    const path = "/v2/repositories/team/liked";
    assert.equal((await anonymous("post", `${path}/stars/`, {})).status, 401);
    for (const ask of [tom, tom, mia])
      assert.equal((await ask("post", `${path}/stars/`, {})).status, 204);
    assert.equal((await tom("get", path)).body["has_starred"], true);
    assert.equal((await anonymous("get", path)).body["star_count"], 2);
    assert.deepEqual(names(await anonymous("get", "/v2/users/tom/repositories/starred")), [
      "liked",
    ]);
    await mia("patch", path, { is_private: true });
    assert.deepEqual(names(await anonymous("get", "/v2/users/tom/repositories/starred")), []);
    assert.equal((await tom("delete", `${path}/stars/`)).status, 404);
    assert.equal((await mia("delete", `${path}/stars/`)).status, 204);
    assert.equal((await mia("get", path)).body["star_count"], 1);
  });

  test("immutable tag rules can be verified and set, and then protect the matching tags", async () => {
    await berth.pushImage("team/fixed", "mia", "public");
    const path = "/v2/namespaces/team/repositories/fixed";
    const verified = await mia("post", `${path}/immutabletags/verify`, { regex: "[0-9]+" });
    assert.deepEqual(verified.body["tags"], ["1"]);
    assert.equal((await mia("post", `${path}/immutabletags/verify`, { regex: "(" })).status, 400);
    assert.equal((await tom("post", `${path}/immutabletags/verify`, { regex: "." })).status, 403);
    const fixed = await mia("patch", `${path}/immutabletags`, {
      immutable_tags: true,
      immutable_tags_rules: ["[0-9]+"],
    });
    assert.deepEqual(fixed.body["immutable_tags_settings"], { enabled: true, rules: ["[0-9]+"] });
    assert.equal((await mia("delete", "/v2/repositories/team/fixed/tags/1/")).status, 403);
    await mia("patch", `${path}/immutabletags`, { immutable_tags: false });
    assert.equal((await mia("delete", "/v2/repositories/team/fixed/tags/1/")).status, 204);
  });
});

describe("pages of repositories", async () => {
  const berth = await startClosedBerth();
  await berth.addUser("mia");
  const mia = await hubAs(berth, "mia");
  const made = Array.from({ length: 25 }, (_, at) => `app-${String(at).padStart(2, "0")}`);
  for (const name of made)
    await mia("post", "/v2/namespaces/mia/repositories", { name, namespace: "mia" });
  const list = "/v2/namespaces/mia/repositories";

  test("the next links return every entry exactly once, in every order", async () => {
    for (const ordering of ["name", "-name", "last_updated", "-last_updated", "pull_count"]) {
      const seen: unknown[] = [];
      let next = `${list}?page_size=7&ordering=${ordering}&name=app`;
      while (next !== "") {
        const { status, body } = await mia("get", next);
        assert.equal(status, 200);
        assert.equal(body["count"], 25);
        seen.push(...names({ body }));
        const link = body["next"] as unknown as string | null;
        assert.ok(link === null || link.startsWith(`http://127.0.0.1:${berth.port}/v2/`));
        next = link === null ? "" : new URL(link).pathname + new URL(link).search;
      }
      assert.deepEqual(seen.toSorted(), made, ordering);
      if (ordering === "name") assert.deepEqual(seen, made);
      if (ordering === "-name") assert.deepEqual(seen, made.toReversed());
    }
  });

  test("a page that is requested directly is the same as after reading the pages before it", async () => {
    const jumped = names(await mia("get", `${list}?page=4&page_size=6&ordering=name`));
    for (const page of [1, 2, 3])
      await mia("get", `${list}?page=${page}&page_size=6&ordering=name`);
    assert.deepEqual(names(await mia("get", `${list}?page=4&page_size=6&ordering=name`)), jumped);
    assert.deepEqual(jumped, made.slice(18, 24));
  });

  test("a page_size of 1000 is accepted, and the page has all 25 entries", async () => {
    const { status, body } = await mia("get", `${list}?page_size=1000`);
    assert.equal(status, 200);
    assert.equal(names({ body }).length, 25);
  });

  test("a page past the end is answered 404, but the first page of an empty list is answered 200", async () => {
    assert.equal((await mia("get", `${list}?page=4`)).status, 404);
    assert.equal((await mia("get", `${list}?page=0`)).status, 400);
    assert.equal((await mia("get", `${list}?page_size=x`)).status, 400);
    const { status, body } = await mia("get", `${list}?name=nothing`);
    assert.equal(status, 200);
    assert.deepEqual(body, { count: 0, next: null, previous: null, results: [] });
  });

  test("an unknown ordering is rejected with 400, and the error names the field", async () => {
    const { status, body } = await mia("get", `${list}?ordering=size`);
    assert.equal(status, 400);
    assert.ok(body["fields"]?.["ordering"]);
  });
});
