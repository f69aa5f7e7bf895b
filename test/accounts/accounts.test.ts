import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AccountError, AccountErrorKind } from "../../src/accounts/errors.ts";
import { checkResources } from "../../src/accounts/access-tokens.ts";
import { createAccounts } from "../../src/accounts/accounts.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { openMetadataInMemory } from "../support/database.ts";
import { judged, openModeClient, rules } from "../support/pushes.ts";

const actor = judged({ accountId: 7, name: "root", peer: "192.0.2.1" });
const password = "correct horse battery";
const start = 1_700_000_000_000;

/** root is the administrator, ann owns team, and tom is its member; the repository team/app exists. */
async function open() {
  const database = openMetadataInMemory();
  const accounts = createAccounts({ database, clock: () => start, createOnPush: true });
  for (const name of ["root", "ann", "tom"])
    await accounts.users.add(actor, { name, password, isAdmin: name === "root" });
  await accounts.organisations.add(actor, { name: "team", owner: "ann" });
  await accounts.organisations.addMember(actor, "team", "tom", "member");
  await database.commands.storeBlob({
    actor: openModeClient,
    rules,
    repository: parseRepositoryName("team/app"),
    digest: digestOf(Buffer.from("x")),
    sizeBytes: 1,
    storageKey: "key",
    leasedUntilMs: start,
    dueAtMs: start,
    nowMs: start,
  });
  return { database, ...accounts };
}

function refuses(work: Promise<unknown>, kind: AccountErrorKind, reason: RegExp): Promise<void> {
  return assert.rejects(work, (error: AccountError) => {
    assert.equal(error.name, "AccountError");
    assert.equal(error.kind, kind);
    assert.match(error.message, reason);
    return true;
  });
}

describe("users", () => {
  test("have names that are valid namespaces, and unique among users and organisations", async () => {
    const { users, organisations } = await open();
    const add = (name: string) => users.add(actor, { name, password });
    for (const name of ["", "Mia", "a/b", "-a", "a..b", "orgs", "repositories", "x".repeat(101)])
      await refuses(add(name), "invalid", /invalid account name/);
    for (const name of ["ann", "team", "library"]) await refuses(add(name), "exists", /already/);
    await refuses(organisations.add(actor, { name: "ann" }), "exists", /already/);
    await add("a.b_c--d");
  });

  test("have no name that the audit log uses for the command line and for mirrors", async () => {
    const { users, organisations } = await open();
    for (const name of ["berth", "mirror"]) {
      await refuses(users.add(actor, { name, password }), "invalid", /the audit log uses/);
      await refuses(organisations.add(actor, { name }), "invalid", /the audit log uses/);
    }
  });

  test("have passwords of 8 to 1024 characters that are not tokens", async () => {
    const { users } = await open();
    for (const bad of ["", "1234567", "x".repeat(1025), "berth_pat_whatever"]) {
      await refuses(users.add(actor, { name: "mia", password: bad }), "invalid", /password/);
      await refuses(users.setPassword(actor, "ann", bad), "invalid", /password/);
    }
    await refuses(users.setPassword(actor, "nobody", password), "unknown", /no user nobody/);
    await refuses(users.setPassword(actor, "team", password), "unknown", /no user team/);
  });

  test("always include one enabled administrator", async () => {
    const { users } = await open();
    const last = /last administrator/;
    await refuses(users.setDisabled(actor, "root", true), "conflict", last);
    await refuses(users.setAdmin(actor, "root", false), "conflict", last);
    await refuses(users.delete(actor, "root"), "conflict", last);
    await users.setAdmin(actor, "ann", true);
    await users.setDisabled(actor, "ann", true);
    await refuses(users.setDisabled(actor, "root", true), "conflict", last);
    await users.setDisabled(actor, "ann", false);
    assert.equal(await users.setDisabled(actor, "root", true), true);
    assert.equal(await users.setDisabled(actor, "root", true), false);
  });

  test("are deleted with tokens and memberships, unless they are the last owner of an organisation", async () => {
    const { users, organisations, accessTokens, database } = await open();
    await refuses(users.delete(actor, "ann"), "conflict", /last owner of team/);
    await refuses(users.delete(actor, "nobody"), "unknown", /no user nobody/);
    await organisations.addMember(actor, "team", "root", "owner");
    await accessTokens.issue(actor, { account: "ann", label: "ci", scope: "repo:read" });
    const before = (await database.accounts.find("ann"))?.id;
    await users.delete(actor, "ann");
    await users.add(actor, { name: "ann", password });
    const after = (await database.accounts.find("ann"))?.id;
    assert.notEqual(after, before);
    assert.deepEqual(await accessTokens.list("ann"), []);
    const { items } = await organisations.members("team", { limit: 10 });
    assert.deepEqual(
      items.map(({ name }) => name),
      ["root", "tom"],
    );
  });

  test("are deleted together with the invites that they sent", async () => {
    const { users, organisations, database } = await open();
    await organisations.addMember(actor, "team", "root", "owner");
    await users.add(actor, { name: "mia", password });
    const ann = judged({ accountId: 8, name: "ann", peer: "192.0.2.2" });
    const invite = { id: "one", organisation: "team", user: "mia", role: "owner" } as const;
    await database.commands.createInvite({ ...invite, actor: ann, nowMs: start });
    await users.delete(actor, "ann");
    assert.deepEqual(await database.invites.ofOrganisation("team"), []);
  });
});

describe("organisations", () => {
  test("reject changes that would leave them without an owner", async () => {
    const { organisations } = await open();
    const last = /ann is the last owner of team/;
    await refuses(organisations.changeRole(actor, "team", "ann", "editor"), "conflict", last);
    await refuses(organisations.removeMember(actor, "team", "ann"), "conflict", last);
    assert.equal(await organisations.changeRole(actor, "team", "tom", "owner"), "changed");
    assert.equal(await organisations.changeRole(actor, "team", "ann", "editor"), "changed");
    assert.equal(await organisations.addMember(actor, "team", "ann", "editor"), "unchanged");
  });

  test("accept only existing users as members", async () => {
    const { organisations } = await open();
    const add = (organisation: string, user: string) =>
      organisations.addMember(actor, organisation, user, "member");
    await refuses(add("nowhere", "tom"), "unknown", /no organisation nowhere/);
    await refuses(add("ann", "tom"), "unknown", /no organisation ann/);
    await refuses(add("team", "nobody"), "unknown", /no user nobody/);
    await refuses(add("team", "team"), "unknown", /no user team/);
    const root = organisations.changeRole(actor, "team", "root", "owner");
    await refuses(root, "unknown", /root is not a member of team/);
    await refuses(organisations.removeMember(actor, "team", "root"), "unknown", /not a member/);
    const owned = organisations.add(actor, { name: "new", owner: "nobody" });
    await refuses(owned, "unknown", /no user nobody/);
    await refuses(organisations.delete(actor, "new"), "unknown", /no organisation new/);
  });

  test("are not deleted while they have repositories", async () => {
    const { organisations } = await open();
    await refuses(organisations.delete(actor, "team"), "conflict", /has repositories \(1\)/);
    await organisations.add(actor, { name: "new" });
    await organisations.delete(actor, "new");
  });

  test("reject members and the deletion of library, which belongs to the administrators", async () => {
    const { organisations } = await open();
    const mine = organisations.addMember(actor, "library", "tom", "owner");
    await refuses(mine, "conflict", /belongs to the administrators/);
    await refuses(organisations.delete(actor, "library"), "conflict", /cannot be deleted/);
  });
});

describe("teams", () => {
  test("accept only members of the organisation, and lose a user that leaves it", async () => {
    const { teams, organisations } = await open();
    const devs = { organisation: "team", team: "devs" };
    await teams.add(actor, devs, "who writes it");
    await refuses(teams.add(actor, devs, ""), "exists", /has a team devs already/);
    await refuses(
      teams.addMember(actor, devs, "root"),
      "unknown",
      /add the user to the organisation first/,
    );
    await teams.addMember(actor, devs, "tom");
    await teams.addMember(actor, devs, "tom");
    assert.deepEqual(await teams.members(devs), ["tom"]);
    assert.equal((await teams.list("team"))[0]?.members, 1);
    await organisations.removeMember(actor, "team", "tom");
    assert.deepEqual(await teams.members(devs), []);
    await refuses(teams.removeMember(actor, devs, "tom"), "unknown", /not a member of the team/);
  });

  test("have permissions on repositories of the organisation only", async () => {
    const { teams } = await open();
    const devs = { organisation: "team", team: "devs" };
    await teams.add(actor, devs, "");
    const grant = (repository: string, permission?: "read" | "write") =>
      teams.setPermission(actor, devs, repository, permission);
    await grant("team/app", "read");
    await grant("team/app", "write");
    assert.deepEqual(await teams.permissions(devs), [
      { repository: "team/app", permission: "write" },
    ]);
    await grant("team/app");
    assert.deepEqual(await teams.permissions(devs), []);
    for (const foreign of ["team/none", "ann/app", "alpine"])
      await refuses(grant(foreign, "read"), "unknown", /team has no repository/);
    await refuses(grant("Team/App", "read"), "invalid", /repository name/);
  });

  test("that do not exist are reported as unknown", async () => {
    const { teams } = await open();
    const ghosts = { organisation: "team", team: "ghosts" };
    const unknown = /no team ghosts in team/;
    await refuses(teams.members(ghosts), "unknown", unknown);
    await refuses(teams.addMember(actor, ghosts, "tom"), "unknown", unknown);
    await refuses(teams.removeMember(actor, ghosts, "tom"), "unknown", unknown);
    await refuses(teams.setPermission(actor, ghosts, "team/app", "read"), "unknown", unknown);
    await refuses(teams.delete(actor, ghosts), "unknown", unknown);
    const nowhere = teams.add(actor, { organisation: "nowhere", team: "x" }, "");
    await refuses(nowhere, "unknown", /no organisation nowhere/);
    const unnamed = teams.add(actor, { organisation: "team", team: "a b" }, "");
    await refuses(unnamed, "invalid", /team name/);
  });
});

describe("access tokens", () => {
  test("require a label, a scope (user) or resources (organisation), and an expiry in the future", async () => {
    const { accessTokens } = await open();
    const issue = (account: string, more: object) =>
      accessTokens.issue(actor, { account, label: "ci", ...more });
    const resources = [{ type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] }];
    await refuses(issue("nobody", {}), "unknown", /no account nobody/);
    await refuses(issue("ann", { scope: "repo:all" }), "invalid", /one of the scopes/);
    await refuses(issue("ann", { scope: "repo:read", resources }), "invalid", /no resources/);
    await refuses(issue("team", { scope: "repo:read" }), "invalid", /no scope/);
    await refuses(issue("team", {}), "invalid", /resources/);
    await refuses(issue("ann", { scope: "repo:read", label: "" }), "invalid", /label/);
    await refuses(issue("ann", { scope: "repo:read", expiresAtMs: start }), "invalid", /past/);
    await issue("team", { resources });
  });

  test("have resources only in their organisation, with scopes of the type of the resource", () => {
    const problemOf = (type: "TYPE_REPO" | "TYPE_ORG", path: string, ...scopes: string[]) =>
      checkResources("team", [{ type, path, scopes }]);
    assert.equal(problemOf("TYPE_REPO", "team/*", "scope-image-pull"), undefined);
    assert.equal(problemOf("TYPE_REPO", "*/*/public", "scope-image-pull"), undefined);
    assert.equal(problemOf("TYPE_ORG", "team", "scope-repository-create"), undefined);
    assert.match(problemOf("TYPE_REPO", "*", "scope-image-pull") ?? "", /not in team/);
    assert.match(problemOf("TYPE_REPO", "teams/app", "scope-image-pull") ?? "", /not in team/);
    assert.match(problemOf("TYPE_ORG", "mia", "scope-repository-create") ?? "", /not in team/);
    assert.match(
      problemOf("TYPE_REPO", "team/app", "scope-repository-create") ?? "",
      /cannot have/,
    );
    assert.match(problemOf("TYPE_REPO", "team/app") ?? "", /no scopes/);
    assert.match(checkResources("team", []) ?? "", /from 1 to/);
  });

  test("can be revoked only for the account that owns them", async () => {
    const { accessTokens } = await open();
    const given = { account: "ann", label: "ci", scope: "repo:read" };
    const { id } = await accessTokens.issue(actor, given);
    await refuses(accessTokens.revoke(actor, "tom", id), "unknown", /tom has no access token/);
    await accessTokens.revoke(actor, "ann", id);
    await refuses(accessTokens.revoke(actor, "ann", id), "unknown", /ann has no access token/);
  });
});

describe("the audit log", () => {
  test("has actor, action and peer of each change, and no row for a rejected or empty change", async () => {
    const { users, audit } = await open();
    const rows = async () => (await audit.list({ limit: 100 })).length;
    const before = await rows();
    await refuses(users.setDisabled(actor, "root", true), "conflict", /last/);
    assert.equal(await users.setDisabled(actor, "tom", false), false);
    assert.equal(await rows(), before);
    await users.setDisabled(actor, "tom", true);
    const [newest] = await audit.list({ limit: 1 });
    assert.deepEqual(newest, {
      id: newest?.id,
      atMs: start,
      actor: "root",
      account: "tom",
      action: "user.disable",
      subject: "tom",
      data: {},
      peer: "192.0.2.1",
    });
  });

  test("is filtered by account, actor, leading words of the action, and time", async () => {
    const { audit } = await open();
    const actions = async (query: object) =>
      (await audit.list({ limit: 100, ...query })).map(
        ({ action, subject }) => `${action} ${subject}`,
      );
    const ofTeam = ["org.member.add tom", "org.member.add ann", "org.create team"];
    const pushed = "repo.create team/app";
    assert.deepEqual(await actions({ account: "team" }), [pushed, ...ofTeam]);
    assert.deepEqual(await actions({ action: "org.member" }), ofTeam.slice(0, 2));
    assert.deepEqual(await actions({ action: "org.mem" }), []);
    assert.deepEqual(await actions({ account: "team", action: "org.create" }), ofTeam.slice(2));
    assert.deepEqual(await actions({ actor: "ann" }), []);
    assert.equal((await actions({ fromMs: start, toMs: start + 1, actor: "root" })).length, 6);
    assert.deepEqual(await actions({ toMs: start }), []);
    assert.deepEqual(await actions({ account: "team", limit: 1 }), [pushed]);
  });
});
