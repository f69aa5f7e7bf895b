import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../../support/closed.ts";
import { hubAs, type Ask, type Body } from "../support.ts";

const column = (body: Body, list: string, field: string): readonly unknown[] =>
  (body[list] as unknown as Record<string, unknown>[]).map((row) => row[field]);

describe("access tokens in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "mia"]) await berth.addUser(name);
  await berth.addOrganisation("team", "ann");
  await berth.pushImage("team/app", "ann", "private");
  await berth.pushImage("team/other", "ann", "private");
  await berth.pushImage("ann/own", "ann", "private");
  const ann = await hubAs(berth, "ann");

  test("a user creates, reads without its secret, deactivates and deletes an access token", async () => {
    for (const path of ["/v2/access-tokens", "/v2/api_tokens"]) {
      const made = await ann("post", path, { token_label: "ci", scopes: ["repo:read"] });
      assert.equal(made.status, 201);
      const { uuid, token } = made.body as unknown as { uuid: string; token: string };
      const asToken = await hubAs(berth, "ann", token);
      assert.equal((await asToken("get", "/v2/repositories/ann/own")).status, 200);
      const shown = await ann("get", `${path}/${uuid}`);
      assert.equal(shown.body["token"], "");
      assert.deepEqual(shown.body["scopes"], ["repo:read"]);
      const list = await ann("get", path);
      assert.equal(list.body["active_count"], 1);
      const off = await ann("patch", `${path}/${uuid}`, { is_active: false, token_label: "old" });
      assert.equal(off.body["token_label"], "old");
      assert.equal((await asToken("get", "/v2/user")).status, 401);
      assert.equal((await (await hubAs(berth, "mia"))("get", `${path}/${uuid}`)).status, 404);
      const ended = await ann("delete", `${path}/${uuid}`);
      assert.equal(ended.status, path === "/v2/access-tokens" ? 204 : 202);
      assert.equal((await ann("get", `${path}/${uuid}`)).status, 404);
    }
  });

  describe("a user's access token", async () => {
    const scopes = ["repo:admin", "repo:write", "repo:read", "repo:public_read"] as const;
    const askAs = async (scope: (typeof scopes)[number]): Promise<Ask> =>
      await hubAs(berth, "ann", await berth.addPersonalToken("ann", scope));
    const own = "/v2/repositories/ann/own/";

    for (const scope of scopes)
      test(`with ${scope} cannot create or list tokens`, async () => {
        const ask = await askAs(scope);
        const label = { token_label: "more", scopes: ["repo:admin"] };
        assert.equal((await ask("get", "/v2/user")).status, 200);
        assert.equal((await ask("post", "/v2/access-tokens", label)).status, 403);
        assert.equal((await ask("get", "/v2/access-tokens")).status, 403);
        assert.equal((await ask("get", "/v2/orgs/team/access-tokens")).status, 403);
      });

    test("reads a private repository with every scope but repo:public_read", async () => {
      const asks = await Promise.all(scopes.map(askAs));
      const answers = await Promise.all(asks.map((ask) => ask("get", own)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 404],
      );
      const namespace = "/v2/namespaces/ann/repositories";
      const publicRead = await askAs("repo:public_read");
      assert.equal((await publicRead("get", namespace)).body["count"], 0);
      const read = await askAs("repo:read");
      assert.equal((await read("get", namespace)).body["count"], 1);
    });

    test("changes a repository with repo:admin only", async () => {
      const asks = await Promise.all(scopes.map(askAs));
      const answers = await Promise.all(asks.map((ask) => ask("patch", own, {})));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 403, 403, 404],
      );
    });

    test("creates a team with repo:admin only, and lists no members with repo:public_read", async () => {
      const [admin, write, publicRead] = [
        await askAs("repo:admin"),
        await askAs("repo:write"),
        await askAs("repo:public_read"),
      ];
      assert.equal((await write("post", "/v2/orgs/team/groups", { name: "x" })).status, 403);
      assert.equal((await admin("post", "/v2/orgs/team/groups", { name: "x" })).status, 201);
      assert.equal((await publicRead("get", "/v2/orgs/team/members")).status, 403);
    });
  });

  describe("an organisation's access token", async () => {
    const made = await ann("post", "/v2/orgs/team/access-tokens", {
      label: "robot",
      resources: [
        { type: "TYPE_REPO", path: "team/app", scopes: ["scope-image-pull"] },
        { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-list", "scope-member-read"] },
      ],
    });
    assert.equal(made.status, 201);
    const { id, token } = made.body as unknown as { id: string; token: string };
    const robot = await hubAs(berth, "team", token);
    const namespace = "/v2/namespaces/team/repositories";
    const path = `/v2/orgs/team/access-tokens/${id}`;

    test("is listed with the repositories that it may reach", async () => {
      const { body } = await ann("get", "/v2/orgs/team/access-tokens");
      const listed = body["results"] as unknown as { id: string; repositories: string[] }[];
      const own = listed.find((one) => one.id === id);
      assert.deepEqual(own?.repositories, ["team/app"]);
    });

    test("reads the repositories of its resources, and no others", async () => {
      assert.equal((await robot("get", `${namespace}/app`)).status, 200);
      assert.equal((await robot("get", `${namespace}/app/tags`)).status, 200);
      assert.equal((await robot("get", `${namespace}/other`)).status, 404);
      assert.equal((await robot("get", "/v2/namespaces/ann/repositories/own")).status, 404);
      const list = await robot("get", namespace);
      assert.deepEqual(column(list.body, "results", "name"), ["app"]);
      assert.equal(list.body["count"], 1);
    });

    test("with pull only changes no repository and creates none", async () => {
      assert.equal((await robot("patch", `${namespace}/app`, {})).status, 403);
      assert.equal((await robot("delete", `${namespace}/app/tags/1`)).status, 403);
      assert.equal((await robot("post", namespace, { name: "new" })).status, 403);
    });

    test("reaches no repository at /v2/repositories", async () => {
      assert.equal((await robot("get", "/v2/repositories/team/app")).status, 403);
      assert.equal((await robot("get", "/v2/repositories/team/other")).status, 403);
    });

    test("with scope-member-read lists the members, and not the teams", async () => {
      assert.equal((await robot("get", "/v2/orgs/team/members")).status, 200);
      assert.equal((await robot("get", "/v2/orgs/team/groups")).status, 403);
    });

    test("has the permissions of new resources at once", async () => {
      const more = [
        { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-create"] },
        { type: "TYPE_REPO", path: "team/*", scopes: ["scope-repository-admin"] },
      ];
      assert.equal((await ann("patch", path, { resources: more })).status, 200);
      assert.equal((await robot("post", namespace, { name: "new" })).status, 201);
      assert.equal((await robot("delete", `${namespace}/new`)).status, 202);
      assert.equal((await robot("get", namespace)).body["count"], 0);
    });

    test("gets no resources of another namespace", async () => {
      const foreign = [{ type: "TYPE_REPO", path: "ann/*", scopes: ["scope-image-pull"] }];
      assert.equal((await ann("patch", path, { resources: foreign })).status, 400);
    });

    test("is rejected after it was deleted", async () => {
      assert.equal((await ann("get", "/v2/orgs/team/access-tokens")).body["total"], 1);
      assert.equal((await ann("delete", path)).status, 204);
      assert.equal((await robot("get", namespace)).status, 401);
    });
  });
});
