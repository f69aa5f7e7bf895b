import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judged } from "../support/pushes.ts";
import { actor, open, password, refuses, start } from "./support.ts";

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
