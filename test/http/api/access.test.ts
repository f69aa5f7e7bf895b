import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";
import { hubAs, textOf, type Answer } from "../hub/support.ts";

interface Shown {
  readonly username: string;
  readonly level: string;
  readonly is_disabled: boolean;
  readonly because: readonly {
    readonly kind: string;
    readonly team: string | null;
    readonly level: string;
  }[];
}
const shown = (body: unknown): Shown => body as Shown;
const list = (answer: Answer) =>
  answer.body as unknown as {
    readonly count: number;
    readonly next: string | null;
    readonly is_public: boolean;
    readonly results: readonly Shown[];
    readonly teams: readonly object[];
  };
/** `write: team devs, own` */
const sentence = ({ level, because }: Shown): string =>
  `${level}: ${because.map(({ kind, team, level: of }) => `${kind}${team === null ? "" : ` ${team}`} ${of}`).join(", ")}`;

describe("the access to a repository", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "ed", "lea", "tom", "mia", "off", "sam", "eve"])
    await berth.addUser(name);
  await berth.addUser("root", { is_admin: 1 });
  const team = await berth.addOrganisation("team", "ann");
  for (const name of ["private", "public"] as const) {
    await berth.pushImage(`team/${name}`, "ann", name);
    await berth.exec(`
      INSERT INTO collaborators SELECT repositories.id, accounts.id,
        CASE accounts.name WHEN 'lea' THEN 'read' ELSE 'admin' END
        FROM repositories, accounts
        WHERE repositories.name = 'team/${name}' AND accounts.name IN ('lea', 'off', 'mia')`);
  }
  await berth.exec(`
    INSERT INTO members SELECT ${team}, id, CASE name WHEN 'ed' THEN 'editor' ELSE 'member' END, 0
      FROM accounts WHERE name IN ('ed', 'lea', 'tom', 'off', 'sam');
    INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, ${team}, 'devs', 0), (2, ${team}, 'qa', 0);
    INSERT INTO team_members SELECT 1, id, 0 FROM accounts WHERE name IN ('lea', 'tom', 'off');
    INSERT INTO team_members SELECT 2, id, 0 FROM accounts WHERE name IN ('tom', 'sam');
    INSERT INTO team_permissions SELECT 1, id, 'write' FROM repositories;
    INSERT INTO team_permissions SELECT 2, id, 'read' FROM repositories WHERE name = 'team/private';
    UPDATE accounts SET disabled = 1 WHERE name = 'off'`);
  const access = "/api/berth/v1/repositories/team/private/-/access";
  const collaborators = "/api/berth/v1/repositories/team/private/-/collaborators";
  const ann = await hubAs(berth, "ann");

  test("lists each user with a permission, its level and its reasons, and the teams", async () => {
    const { count, is_public: isPublic, results, teams } = list(await ann("get", access));
    assert.equal(count, results.length);
    assert.equal(isPublic, false);
    assert.deepEqual(Object.fromEntries(results.map((one) => [one.username, sentence(one)])), {
      ...{ admin: "admin: admin admin", root: "admin: admin admin" },
      ann: "admin: owner admin",
      lea: "write: team devs write, own read",
      mia: "admin: own admin",
      sam: "read: team qa read",
      tom: "write: team devs write, team qa read",
    });
    assert.deepEqual(teams, [
      { name: "devs", level: "write", members: 3 },
      { name: "qa", level: "read", members: 2 },
    ]);
    const open = list(await ann("get", "/api/berth/v1/repositories/team/public/-/access"));
    assert.equal(open.is_public, true);
    assert.deepEqual(
      open.results.map(({ username }) => username),
      ["admin", "ann", "lea", "mia", "root", "tom"],
    );
    assert.deepEqual(open.teams, [{ name: "devs", level: "write", members: 3 }]);
  });

  test("has pages, and finds users by a part of the name", async () => {
    const first = list(await ann("get", `${access}?page_size=2`));
    assert.deepEqual(
      first.results.map(({ username }) => username),
      ["admin", "ann"],
    );
    assert.ok(first.next);
    const second = list(
      await ann("get", new URL(first.next).pathname + new URL(first.next).search),
    );
    assert.deepEqual(
      second.results.map(({ username }) => username),
      ["lea", "mia"],
    );
    const found = list(await ann("get", `${access}?search=O`));
    assert.deepEqual(
      found.results.map(({ username }) => username),
      ["root", "tom"],
    );
  });

  test("of one user has the level that the policy gives", async () => {
    for (const repository of ["team/private", "team/public"])
      for (const name of ["ann", "ed", "lea", "tom", "mia", "eve", "root"]) {
        const path = `/api/berth/v1/repositories/${repository}/-/access/${name}`;
        const { level } = shown((await ann("get", path)).body);
        const own = await (await hubAs(berth, name))("get", `/v2/repositories/${repository}`);
        const { permissions } = own.body as unknown as { permissions?: Record<string, boolean> };
        const { read = false, write = false, admin = false } = permissions ?? {};
        const expected = admin ? "admin" : write ? "write" : read ? "read" : "none";
        assert.equal(level, expected, `${name} on ${repository}`);
      }
  });

  test("of one user names the public repository as a reason, and a disabled account has none", async () => {
    const onPublic = "/api/berth/v1/repositories/team/public/-/access";
    assert.equal(sentence(shown((await ann("get", `${onPublic}/eve`)).body)), "read: public read");
    assert.equal(
      sentence(shown((await ann("get", `${onPublic}/LEA`)).body)),
      "write: team devs write, own read, public read",
    );
    const off = shown((await ann("get", `${access}/off`)).body);
    assert.deepEqual([off.level, off.is_disabled, off.because], ["none", true, []]);
    assert.equal((await ann("get", `${access}/nobody`)).status, 404);
    assert.equal((await ann("get", `${access}/team`)).status, 404);
  });

  test("is given to a user and taken away, by a repository admin alone", async () => {
    const [tom, mia, eve] = [
      await hubAs(berth, "tom"),
      await hubAs(berth, "mia"),
      await hubAs(berth, "eve"),
    ];
    const give = { permission: "read" };
    assert.equal((await tom("put", `${collaborators}/eve`, give)).status, 403);
    assert.equal((await eve("put", `${collaborators}/eve`, give)).status, 404);
    assert.equal((await eve("get", "/v2/repositories/team/private")).status, 404);
    const given = await mia("put", `${collaborators}/Eve`, give);
    assert.equal(given.status, 200);
    assert.equal(sentence(shown(given.body)), "read: own read");
    assert.equal((await eve("get", "/v2/repositories/team/private")).status, 200);
    assert.equal((await mia("put", `${collaborators}/eve`, { permission: "owner" })).status, 400);
    assert.equal((await mia("put", `${collaborators}/nobody`, give)).status, 404);
    assert.equal((await mia("delete", `${collaborators}/eve`)).status, 204);
    assert.equal((await eve("get", "/v2/repositories/team/private")).status, 404);
    const rows = await berth.tables.rows(
      "SELECT actor, subject, data FROM audit_log WHERE action = 'repo.collaborator' ORDER BY id",
    );
    assert.deepEqual(
      rows.map((row) => ({ ...(row as object) })),
      ["read", "none"].map((permission) => ({
        ...{ actor: "mia", subject: "team/private" },
        data: JSON.stringify({ user: "eve", permission }),
      })),
    );
  });

  test("is not shown to readers and writers, and not to access tokens of the organisation", async () => {
    for (const name of ["lea", "tom"])
      assert.equal((await (await hubAs(berth, name))("get", access)).status, 403);
    assert.equal((await (await hubAs(berth))("get", access)).status, 401);
    const scopes = ["scope-repository-admin", "scope-repo-group-admin"];
    const robot = await berth.addRobot("team", [{ type: "TYPE_REPO", path: "team/*", scopes }]);
    assert.equal((await (await hubAs(berth, "team", robot))("get", access)).status, 403);
  });

  test("is right for each user of a page, also if the users have thousands of reasons", async () => {
    await berth.exec(`
      INSERT INTO accounts (name, kind, created_at) WITH RECURSIVE numbers (n) AS (
        SELECT 100 UNION ALL SELECT n + 1 FROM numbers WHERE n < 190) SELECT 'zoe' || n, 'user', 0 FROM numbers;
      INSERT INTO teams (id, organisation_id, name, created_at) WITH RECURSIVE numbers (n) AS (
        SELECT 100 UNION ALL SELECT n + 1 FROM numbers WHERE n < 160) SELECT n, ${team}, 'many' || n, 0 FROM numbers;
      INSERT INTO team_members SELECT teams.id, accounts.id, 0 FROM teams, accounts
        WHERE teams.name LIKE 'many%' AND accounts.name LIKE 'zoe%';
      INSERT INTO team_permissions SELECT teams.id, repositories.id, CASE teams.id WHEN 160 THEN 'write' ELSE 'read' END
        FROM teams, repositories WHERE teams.name LIKE 'many%' AND repositories.name = 'team/private'`);
    const { results } = list(await ann("get", `${access}?page_size=100&search=zoe`));
    assert.equal(results.length, 91);
    for (const { username, level, because } of results)
      assert.deepEqual([username, level, because.length], [username, "write", 50]);
  });
});

describe("the repositories of a team", async () => {
  const berth = await startClosedBerth();
  for (const name of ["ann", "tom", "lea", "eve"]) await berth.addUser(name);
  const team = await berth.addOrganisation("team", "ann");
  for (const name of ["a", "b", "c"]) await berth.pushImage(`team/${name}`, "ann", "private");
  await berth.exec(`
    INSERT INTO members SELECT ${team}, id, 'member', 0 FROM accounts WHERE name IN ('tom', 'lea');
    INSERT INTO teams (id, organisation_id, name, created_at) VALUES (1, ${team}, 'devs', 0);
    INSERT INTO team_members SELECT 1, id, 0 FROM accounts WHERE name = 'tom';
    INSERT INTO team_permissions SELECT 1, id, 'write' FROM repositories WHERE name IN ('team/a', 'team/c');
    UPDATE repositories SET visibility = 'public' WHERE name = 'team/c'`);
  const get = async (name: string, query = "", of = "devs") =>
    (await hubAs(berth, name))(
      "get",
      `/api/berth/v1/organisations/team/teams/${of}/repositories${query}`,
    );
  const namesOf = ({ body }: Answer) =>
    (body["results"] as unknown as readonly { name: string; level: string }[]).map(
      ({ name, level }) => `${name} ${level}`,
    );

  test("are those that the calling member may read", async () => {
    assert.deepEqual(namesOf(await get("ann")), ["team/a write", "team/c write"]);
    assert.deepEqual(namesOf(await get("tom")), ["team/a write", "team/c write"]);
    const lea = await get("lea");
    assert.deepEqual(namesOf(lea), ["team/c write"]);
    assert.equal(lea.body["count"], 1);
    assert.equal((await get("eve")).status, 403);
    assert.equal((await get("ann", "", "nothing")).status, 404);
  });

  test("come in pages by name", async () => {
    const first = await get("ann", "?page_size=1");
    assert.deepEqual(namesOf(first), ["team/a write"]);
    assert.match(textOf(first.body["next"]), /last=team%2Fa/);
    const second = await get("ann", "?page_size=1&last=team/a");
    assert.deepEqual(namesOf(second), ["team/c write"]);
    assert.equal(second.body["next"], null);
  });
});
