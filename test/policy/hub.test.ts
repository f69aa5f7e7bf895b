import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createHubPolicy, createOpenHubPolicy } from "../../src/auth/hub-policy.ts";
import type { PersonalScope } from "../../src/database/permissions/principal.ts";
import type { Session } from "../../src/auth/sessions.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { startClosedBerth } from "../support/closed.ts";
import { openDatabaseOf } from "../support/database.ts";
import { hubCallers, hubExpected, type HubCaller } from "./hub-callers.ts";
import { hubTable } from "./hub-table.ts";
import { repositories, servedHubRoutes } from "./matrix.ts";

const berth = await startClosedBerth();
const ids = new Map<string, number>();
for (const name of ["mia", "rita", "walt", "adam", "mel", "ed", "ann", "olga", "root"])
  ids.set(name, await berth.addUser(name, name === "root" ? { is_admin: 1 } : {}));
const team = await berth.addOrganisation("team", "ann");
await berth.addOrganisation("other", "olga");
await berth.pushImage(repositories.private, "ann", "private");
await berth.pushImage(repositories.public, "ann", "public");
for (const [name, permission] of [
  ["rita", "read"],
  ["walt", "write"],
  ["adam", "admin"],
])
  await berth.exec(`INSERT INTO collaborators SELECT repositories.id, accounts.id, '${permission}'
    FROM repositories, accounts WHERE accounts.name = '${name}'`);
for (const [name, role] of [
  ["mel", "member"],
  ["ed", "editor"],
])
  await berth.exec(
    `INSERT INTO members SELECT ${team}, id, '${role}', 0 FROM accounts WHERE name = '${name}'`,
  );

const user = (name: string, scope?: PersonalScope): Session => ({
  principal: {
    ...{ kind: "user", accountId: ids.get(name) ?? 0, name, isAdmin: name === "root" },
    ...(scope === undefined
      ? { by: "password" }
      : { by: "access-token", accessToken: "a token", scope }),
  },
  sinceMs: Date.now(),
});
const sessions: Readonly<Record<HubCaller, Session | undefined>> = {
  nobody: undefined,
  stranger: user("mia"),
  reader: user("rita"),
  writer: user("walt"),
  "admin of the repository": user("adam"),
  member: user("mel"),
  editor: user("ed"),
  "owner of the organisation": user("ann"),
  "owner of another organisation": user("olga"),
  administrator: user("root"),
  "administrator with repo:admin": user("root", "repo:admin"),
  "owner with repo:admin": user("ann", "repo:admin"),
  "owner with repo:read": user("ann", "repo:read"),
  "owner with repo:public_read": user("ann", "repo:public_read"),
  "robot that pulls": {
    principal: {
      kind: "organisation",
      accountId: team,
      name: "team",
      accessToken: "a token",
      resources: [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }],
    },
    sinceMs: Date.now(),
  },
};

describe("the policy of the Hub-shaped API", async () => {
  const database = await openDatabaseOf(berth.data);
  after(() => database.close());
  const policy = createHubPolicy({ database });
  const routes = servedHubRoutes();

  test("the table has a row for every route, and every row is a route", () => {
    assert.deepEqual(routes.map(({ name }) => name).toSorted(), Object.keys(hubTable).toSorted());
  });

  test("the policy decides as the table says for every route, caller and visibility", async () => {
    const wrong: unknown[] = [];
    let asked = 0;
    for (const { name, needs } of routes)
      for (const grant of Object.keys(hubCallers) as HubCaller[])
        for (const visibility of ["private", "public", "missing"] as const) {
          const repository = parseRepositoryName(repositories[visibility]);
          const target = { repository, namespace: "team" };
          const decision = await policy.authorize(sessions[grant], needs, target);
          const expected = hubExpected(hubTable[name] ?? "open", grant, visibility);
          if (decision !== expected) wrong.push({ name, grant, visibility, decision, expected });
          asked += 1;
        }
    assert.ok(asked > 2500, `only ${asked} were asked`);
    assert.deepEqual(wrong, []);
  });

  test("the policy shows a caller no missing repository, and a private one only if the caller may see it", async () => {
    for (const session of Object.values(sessions)) {
      const names = [
        parseRepositoryName(repositories.private),
        parseRepositoryName(repositories.missing),
      ];
      const seen = await policy.visible(session, names);
      assert.ok(!seen.has(parseRepositoryName(repositories.missing)));
      const needs = { of: "repository", permission: "see" } as const;
      const [repository] = names;
      assert.ok(repository);
      assert.equal(
        seen.has(repository),
        (await policy.authorize(session, needs, { repository })) === "allowed",
      );
    }
  });

  test("in open mode the policy rejects exactly the routes that need an account or set permissions", async () => {
    const open = createOpenHubPolicy();
    for (const { name, needs } of routes) {
      const need = hubTable[name] ?? "";
      const givesRights = /\/groups|\/-\/(?:access|collaborators|webhooks)/.test(name);
      const needsAccount =
        givesRights || !["open", "create", "read", "write", "admin"].includes(need);
      assert.equal(
        await open.authorize(undefined, needs, {}),
        needsAccount ? "login" : "allowed",
        name,
      );
    }
  });
});
