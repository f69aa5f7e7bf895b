import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAccounts } from "../../src/accounts/accounts.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import { openTestDatabase } from "../support/database.ts";

const peer = "127.0.0.1";
async function open() {
  const database = await openTestDatabase();
  return { database, ...createAccounts({ database, clock: Date.now, createOnPush: true }) };
}

describe("the first start", () => {
  test("creates an administrator without a password, and a login error says how to set one", async () => {
    const { bootstrap, authenticator, users, database } = await open();
    await bootstrap(undefined);
    const { items } = await database.accounts.list({ kind: "user", limit: 10 });
    assert.deepEqual(
      items.map(({ name, isAdmin }) => [name, isAdmin]),
      [["admin", true]],
    );
    for (const secret of ["", "admin", "password"])
      await assert.rejects(
        authenticator.authenticate({ name: "admin", secret }, peer),
        /admin has no password yet; set one on the server: berth user password admin/,
      );
    const password = "correct horse battery";
    await users.setPassword(systemActor("berth"), "admin", password);
    const principal = await authenticator.authenticate({ name: "admin", secret: password }, peer);
    assert.equal(principal?.kind === "user" && principal.isAdmin, true);
  });

  test("gives the administrator the configured password", async () => {
    const { bootstrap, authenticator } = await open();
    await bootstrap("from a secret file");
    const credentials = { name: "admin", secret: "from a secret file" };
    assert.ok(await authenticator.authenticate(credentials, peer));
  });

  test("creates the administrator only once, and later ignores the configured password", async () => {
    const { bootstrap, database } = await open();
    await bootstrap("from a secret file");
    await bootstrap(undefined);
    await bootstrap("short");
    assert.equal((await database.accounts.list({ kind: "user", limit: 10 })).items.length, 1);
  });

  test("rejects a configured password that is too short", async () => {
    const { bootstrap } = await open();
    await assert.rejects(bootstrap("short"), /auth.adminPassword/);
  });

  test("of two servers at the same time creates one administrator", async () => {
    const { bootstrap, database } = await open();
    await Promise.all([bootstrap(undefined), bootstrap(undefined)]);
    assert.equal((await database.accounts.list({ kind: "user", limit: 10 })).items.length, 1);
  });

  test("names the account administrator if an organisation has the name admin", async () => {
    const { bootstrap, organisations, database } = await open();
    await organisations.add(systemActor("berth"), { name: "admin" });
    await bootstrap(undefined);
    const { items } = await database.accounts.list({ kind: "user", limit: 10 });
    assert.deepEqual(
      items.map(({ name }) => name),
      ["administrator"],
    );
  });
});
