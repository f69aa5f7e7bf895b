import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAccounts } from "../../src/auth/accounts.ts";
import { openMetadataInMemory } from "../support/metadata.ts";

const from = { peer: "127.0.0.1", agent: "" };
function open() {
  const metadata = openMetadataInMemory();
  return { metadata, ...createAccounts({ metadata, clock: Date.now, createOnPush: true }) };
}

describe("the first start", () => {
  test("makes an administrator whose random password opens it, and only once", async () => {
    const { firstStart, authenticator } = open();
    const made = await firstStart(undefined);
    assert.equal(made?.name, "admin");
    assert.match(made.password ?? "", /^(?:[a-z2-9]{5}-){3}[a-z2-9]{5}$/);
    const identity = await authenticator.authenticate(
      { name: "admin", secret: made.password ?? "" },
      from,
    );
    assert.equal(identity?.kind === "user" && identity.isAdmin, true);
    assert.equal(await firstStart(undefined), undefined);
    assert.equal(await firstStart("short"), undefined);
  });

  test("takes the configured password, and does not give it back to be shown", async () => {
    const { firstStart, authenticator } = open();
    assert.deepEqual(await firstStart("from a secret file"), {
      name: "admin",
      password: undefined,
    });
    const credentials = { name: "admin", secret: "from a secret file" };
    assert.ok(await authenticator.authenticate(credentials, from));
  });

  test("refuses a configured password that is too short", async () => {
    await assert.rejects(open().firstStart("short"), /auth.adminPassword/);
  });

  test("of two servers at once makes one administrator", async () => {
    const { firstStart, metadata } = open();
    const made = await Promise.all([firstStart(undefined), firstStart(undefined)]);
    assert.equal(made.filter((one) => one !== undefined).length, 1);
    assert.equal((await metadata.accounts.list({ kind: "user", limit: 10 })).items.length, 1);
  });

  test("takes another name where an organisation has the first", async () => {
    const { firstStart, organisations } = open();
    await organisations.add({ accountId: null, name: "berth", peer: "" }, { name: "admin" });
    assert.equal((await firstStart(undefined))?.name, "administrator");
  });
});
