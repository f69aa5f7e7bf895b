import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type {
  Principal,
  PersonalScope,
  TokenResource,
} from "../../src/database/permissions/principal.ts";
import { createPermissionReader } from "../../src/auth/permission-reader.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { openWithAccounts } from "./support.ts";

/*
 * Repositories: team/app, team/public, mia/own. The organisation team has ann (owner), ed (editor) and tom (member).
 * Its team "devs", with tom, may write team/app. tom and bob are collaborators of team/app and may read it.
 */
const { database, ids, exec } = await openWithAccounts();
const permissionReader = createPermissionReader({ database, createOnPush: true });

const user = (
  name: string,
  more: { readonly scope?: PersonalScope; readonly isAdmin?: boolean } = {},
): Principal => ({
  kind: "user",
  accountId: ids.get(name) ?? assert.fail(name),
  name,
  isAdmin: more.isAdmin ?? false,
  ...(more.scope === undefined
    ? { by: "password" }
    : { by: "access-token", accessToken: "a token", scope: more.scope }),
});
const robot = (...resources: TokenResource[]): Principal => ({
  kind: "organisation",
  accountId: ids.get("team") ?? assert.fail(),
  name: "team",
  accessToken: "a token",
  resources,
});
const repositories = (path: string, ...scopes: string[]): TokenResource => ({
  type: "TYPE_REPO",
  path,
  scopes,
});

async function actions(principal: Principal, name: string, by = permissionReader): Promise<string> {
  const repository = parseRepositoryName(name);
  const given = (await by.actions(principal, [repository])).get(repository);
  return [...(given ?? assert.fail("every name has an entry"))].join(",");
}

describe("permissions", () => {
  const all = "pull,push,delete";
  const table: readonly [string, Principal, Readonly<Record<string, string>>][] = [
    [
      "anonymous pulls what is public",
      { kind: "anonymous" },
      { "team/app": "", "team/public": "pull", "team/new": "", "nobody/new": "" },
    ],
    [
      "a stranger has no more, but everything in the own namespace",
      user("mia"),
      { "team/app": "", "team/public": "pull", "team/new": "", "mia/own": all, "mia/new": all },
    ],
    ["an owner has everything", user("ann"), { "team/app": all, "team/new": all, "mia/own": "" }],
    [
      "an editor may create, and has what is given on what is there",
      user("ed"),
      { "team/new": "pull,push", "team/app": "", "team/public": "pull", alpine: "" },
    ],
    [
      "a member has what a team gives",
      user("tom"),
      { "team/app": "pull,push", "team/public": "pull", "team/new": "" },
    ],
    ["a collaborator has what was given", user("bob"), { "team/app": "pull", "team/new": "" }],
    [
      "an administrator has everything everywhere",
      user("root"),
      { "team/app": all, "mia/own": all, "nobody/new": all, alpine: all },
    ],
    ["a disabled user has nothing", user("gone"), { "team/public": "", "gone/new": "" }],
    [
      "a user who was deleted has nothing, though the name is still known",
      { ...user("mia"), accountId: 9_999 } as Principal,
      { "mia/own": "", "team/public": "" },
    ],
    ["an identity alone makes no administrator", user("tom", { isAdmin: true }), { "mia/own": "" }],
    [
      "repo:write leaves a personal token no delete",
      user("ann", { scope: "repo:write" }),
      { "team/app": "pull,push", "team/public": "pull,push", "team/new": "pull,push" },
    ],
    [
      "repo:read leaves it pull",
      user("root", { scope: "repo:read" }),
      { "team/app": "pull", "team/new": "pull" },
    ],
    [
      "repo:public_read leaves it what is public",
      user("root", { scope: "repo:public_read" }),
      { "team/app": "", "team/public": "pull", "team/new": "" },
    ],
    ["repo:admin takes nothing away", user("ann", { scope: "repo:admin" }), { "team/app": all }],
    ["repo:admin gives nothing", user("bob", { scope: "repo:admin" }), { "team/app": "pull" }],
    [
      "an organisation's token has what its resources give, the higher including the lower",
      robot(repositories("team/app", "scope-image-push")),
      { "team/app": "pull,push", "team/public": "pull", "mia/own": "", "team/new": "" },
    ],
    [
      "its globs reach every repository of the organisation, however deep, and no other",
      robot(repositories("*", "scope-image-delete")),
      { "team/app": all, "mia/own": "", "teams/app": "" },
    ],
    [
      "it creates nothing without the scope for that",
      robot(repositories("team/*", "scope-image-push")),
      { "team/app": "pull,push", "team/a/b": "pull" },
    ],
    [
      "and what it may push to with it",
      robot(repositories("team/a*", "scope-image-push"), {
        type: "TYPE_ORG",
        path: "team",
        scopes: ["scope-repository-create"],
      }),
      { "team/a/b": "pull,push", "team/b": "" },
    ],
  ];
  for (const [behaviour, principal, expected] of table) {
    test(behaviour, async () => {
      for (const [name, given] of Object.entries(expected))
        assert.equal(await actions(principal, name), given, name);
    });
  }

  test("are the same for many names at once as for each name alone", async () => {
    const names = ["team/app", "team/public", "team/new", "mia/own", "alpine"].map(
      parseRepositoryName,
    );
    const together = await permissionReader.actions(user("tom"), names);
    assert.equal(together.size, names.length);
    for (const name of names)
      assert.equal([...(together.get(name) ?? [])].join(","), await actions(user("tom"), name));
    assert.equal((await permissionReader.actions(user("tom"), [])).size, 0);
  });

  test("follow each change of the database at once", async () => {
    assert.equal(await actions(user("tom"), "team/app"), "pull,push");
    await exec("DELETE FROM team_members");
    assert.equal(await actions(user("tom"), "team/app"), "pull");
    await exec("DELETE FROM collaborators");
    assert.equal(await actions(user("tom"), "team/app"), "");
    await exec("UPDATE repositories SET visibility = 'public' WHERE name = 'team/app'");
    assert.equal(await actions(user("tom"), "team/app"), "pull");
  });

  test("without repositories.createOnPush exclude pushes to a missing repository", async () => {
    const strict = createPermissionReader({ database, createOnPush: false });
    assert.equal(await actions(user("ann"), "team/new", strict), "pull,delete");
    assert.equal(await actions(user("ed"), "team/new", strict), "pull");
    assert.equal(await actions(user("ann"), "team/public", strict), all);
  });
});
