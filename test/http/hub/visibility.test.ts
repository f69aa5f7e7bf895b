import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs, type Ask, type Body } from "./support.ts";

/*
 * A namespace has public and private repositories, and some private ones are shared with an account or a team. No
 * answer contains the name of a repository that the caller may not see, and no count includes it.
 */

const all = ["open-a", "open-b", "given", "teams", "shut-a", "shut-b"].map(
  (name) => `secret-${name}`,
);
const open = ["secret-open-a", "secret-open-b"];

describe("visibility in the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "gil", "tess", "eve", "otto"]) await berth.addUser(name);
  const team = await berth.addOrganisation("team", "ann");
  await berth.addOrganisation("other", "otto");
  for (const name of all)
    await berth.pushImage(`team/${name}`, "ann", open.includes(name) ? "public" : "private");
  await berth.exec(`
    INSERT INTO collaborators SELECT repositories.id, accounts.id, 'read' FROM repositories, accounts
      WHERE repositories.name = 'team/secret-given' AND accounts.name = 'gil';
    INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name = 'tess';
    INSERT INTO teams (organisation_id, name, created_at) VALUES (${team}, 'devs', 0);
    INSERT INTO team_members SELECT teams.id, accounts.id, 0 FROM teams, accounts WHERE accounts.name = 'tess';
    INSERT INTO team_permissions SELECT teams.id, repositories.id, 'write' FROM teams, repositories
      WHERE repositories.name = 'team/secret-teams';
    INSERT INTO stars SELECT accounts.id, repositories.id, 0 FROM accounts, repositories
      WHERE accounts.name = 'ann'`);
  const robot = await berth.addRobot("team", [
    { type: "TYPE_REPO", path: "team/secret-shut-*", scopes: ["scope-image-pull"] },
    { type: "TYPE_ORG", path: "team", scopes: ["scope-repository-list"] },
  ]);
  const blind = await berth.addRobot("team", [
    { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] },
  ]);
  const stranger = await berth.addRobot("other", [
    { type: "TYPE_REPO", path: "other/*", scopes: ["scope-repository-admin"] },
    { type: "TYPE_ORG", path: "other", scopes: ["scope-repository-list"] },
  ]);

  const viewers: readonly (readonly [string, Promise<Ask>, readonly string[]])[] = [
    ["anonymous", hubAs(berth), open],
    ["a stranger", hubAs(berth, "eve"), open],
    ["an owner of another organisation", hubAs(berth, "otto"), open],
    ["a user with one of them", hubAs(berth, "gil"), [...open, "secret-given"]],
    ["a member with one through a team", hubAs(berth, "tess"), [...open, "secret-teams"]],
    ["an owner", hubAs(berth, "ann"), all],
    ["an administrator", hubAs(berth, "admin"), all],
    ["an owner's token for what is public", byToken("ann", "repo:public_read"), open],
    ["an owner's token that reads", byToken("ann", "repo:read"), all],
    ["a robot with two", hubAs(berth, "team", robot), [...open, "secret-shut-a", "secret-shut-b"]],
    ["a robot that may not list", hubAs(berth, "team", blind), open],
    ["a robot of another organisation", hubAs(berth, "other", stranger), open],
  ];
  async function byToken(name: string, scope: string): Promise<Ask> {
    return await hubAs(berth, name, await berth.addPersonalToken(name, scope));
  }

  for (const [who, asking, sees] of viewers)
    test(`the repository list for ${who} has only visible repositories, in every order, page and count`, async () => {
      const ask = await asking;
      for (const ordering of ["name", "-name", "last_updated", "-last_updated", "-pull_count"])
        for (const search of ["", "secret", "shut", "given"]) {
          const expected = sees.filter((name) => name.includes(search)).toSorted();
          for (const size of [1, 2, 100]) {
            const seen: string[] = [];
            for (let page = 1; page === 1 || (page - 1) * size < expected.length; page += 1) {
              const query = `page=${page}&page_size=${size}&ordering=${ordering}&name=${search}`;
              const { status, body } = await ask(
                "get",
                `/v2/namespaces/team/repositories?${query}`,
              );
              assert.equal(status, 200);
              assert.equal(body["count"], expected.length, `${query}: the count`);
              assert.equal(body["next"] === null, page * size >= expected.length);
              seen.push(...namesOf(body));
            }
            assert.deepEqual(seen.toSorted(), expected, `${ordering} ${search} ${size}`);
          }
          for (const isPrivate of [true, false]) {
            const query = `is_private=${isPrivate}&page_size=100&ordering=${ordering}&name=${search}`;
            const { body } = await ask("get", `/v2/namespaces/team/repositories?${query}`);
            const wanted = expected.filter((name) => open.includes(name) !== isPrivate);
            assert.deepEqual(namesOf(body).toSorted(), wanted, query);
            assert.equal(body["count"], wanted.length, `${query}: the count`);
          }
        }
    });

  for (const [who, asking, sees] of viewers)
    test(`the search for ${who} finds only readable repositories, and counts only them`, async () => {
      const ask = await asking;
      // The search finds every repository that the caller may pull, also for a robot that may not list.
      const found = who === "a robot that may not list" ? all : sees;
      const searches: readonly (readonly [path: string, count: string, list: string])[] = [
        ["/api/berth/v1/search?page_size=100&query=secret", "count", "results"],
        ["/api/berth/v1/search?page_size=100&query=secret&sort=pull_count", "count", "results"],
        ["/api/berth/v1/search?page_size=100&os=linux", "count", "results"],
        ["/api/berth/v1/repositories?page_size=100&namespace=team", "count", "results"],
        ["/v2/search/repositories?page_size=100&query=secret", "count", "results"],
        ["/api/search/v4?size=100&query=secret", "total", "results"],
        ["/api/content/v1/products/search?page_size=100&q=secret", "count", "summaries"],
      ];
      for (const [path, count, list] of searches) {
        const { status, body } = await ask("get", path);
        assert.equal(status, 200, path);
        assert.equal(body[count], found.length, `${path}: the count`);
        const names = JSON.stringify(body[list]).match(/secret-[a-z-]+/g) ?? [];
        assert.deepEqual([...new Set(names)].toSorted(), found.toSorted(), path);
      }
      const sizes = await ask("get", "/api/berth/v1/namespaces/team/sizes");
      assert.equal(sizes.body["repository_count"], found.length);
      for (const name of all)
        for (const rest of [
          "",
          "/-/sizes",
          "/-/tags",
          "/-/tags/1",
          "/-/tags/1/history",
          "/-/diff",
        ]) {
          const path = `/api/berth/v1/repositories/team/${name}${rest}${rest === "/-/diff" ? "?from=1&to=1" : ""}`;
          const isSeen = found.includes(name);
          const { status, text } = await ask("get", path);
          assert.equal(status, isSeen ? 200 : 404, `${path} for ${who}`);
          const missing = await ask("get", path.replace(name, "secret-none"));
          if (!isSeen) assert.equal(text, missing.text);
        }
    });

  for (const [who, asking, sees] of viewers)
    test(`no route answers ${who} with the name of a hidden repository`, async () => {
      const ask = await asking;
      const paths = [
        ...["/v2/repositories/team?page_size=100", "/v2/users/team/repositories"],
        ...["/v2/users/ann/repositories/starred?page_size=100", "/v2/user", "/v2/user/orgs"],
        ...["/v2/repositories/namespaces", "/v2/orgs/team", "/v2/orgs/team/members"],
        ...["/v2/orgs/team/groups", "/v2/orgs/team/groups/devs", "/v2/orgs/team/invites"],
        ...["/v2/auditlogs/team?page_size=100", "/v2/orgs/team/access-tokens"],
      ];
      for (const path of paths) {
        const { status, text } = await ask("get", path);
        const named = all.filter((name) => text.includes(name));
        const hidden = named.filter((name) => !sees.includes(name));
        assert.deepEqual(hidden, [], `${path} ${status}`);
      }
      for (const name of all)
        for (const rest of ["", "/tags", "/tags/1", "/tags/1/images"]) {
          const path = `/v2/namespaces/team/repositories/${name}${rest}`;
          // A robot that may not list may still read the repositories that its resources name.
          const isSeen = sees.includes(name) || who === "a robot that may not list";
          const { status, text } = await ask("get", path);
          assert.equal(status, isSeen ? 200 : 404, `${path} for ${who}`);
          const missing = await ask("get", path.replace(name, "secret-none"));
          if (!isSeen) assert.equal(text, missing.text);
        }
    });
});

const namesOf = (body: Body): string[] =>
  (body["results"] as unknown as { name: string }[]).map(({ name }) => name);
