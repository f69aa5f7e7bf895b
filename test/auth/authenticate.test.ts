import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPasswords } from "../../src/auth/passwords.ts";
import { generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { actor, openAuthenticator, refused, secret, start } from "./authenticator.ts";

describe("authentication by password", () => {
  test("accepts a user's name in any letter case with the password, and rejects a wrong password", async () => {
    const { account, login } = await openAuthenticator();
    const accountId = await account("mia");
    const mia = { kind: "user", accountId, name: "mia", isAdmin: false, by: "password" };
    assert.deepEqual(await login("mia", secret), mia);
    assert.deepEqual(await login("Mia", secret), mia);
    assert.equal(await login("mia", "wrong"), undefined);
    assert.equal(await login("mia", ""), undefined);
  });

  test("hashes once also for unknown names, invalid names and organisations", async () => {
    const { account, login, hashings } = await openAuthenticator();
    await account("team", "organisation");
    for (const [index, name] of ["nobody", "team", "NOT A NAME/../"].entries()) {
      assert.equal(await login(name, secret), undefined);
      assert.equal(hashings(), index + 1);
    }
  });

  test("rejects a disabled user with password or token until the user is enabled again", async () => {
    const { account, login, database, token } = await openAuthenticator();
    const accountId = await account("mia");
    const { secret: pat } = await token(accountId, "personal");
    assert.ok(await login("mia", secret));
    await database.commands.changeUser({ name: "mia", disabled: true, actor, nowMs: start });
    assert.equal(await login("mia", secret), undefined);
    assert.equal(await login("mia", pat), undefined);
    await database.commands.changeUser({ name: "mia", disabled: false, actor, nowMs: start });
    assert.ok(await login("mia", secret));
    assert.ok(await login("mia", pat));
  });

  test("rejects the old password after a change, although it was verified before", async () => {
    const { account, login, database } = await openAuthenticator();
    await account("mia");
    assert.ok(await login("mia", secret));
    const passwordHash = await createPasswords({ clock: Date.now }).hash("another one");
    await database.commands.changeUser({ name: "mia", passwordHash, actor, nowMs: start });
    assert.equal(await login("mia", secret), undefined);
    assert.ok(await login("mia", "another one"));
  });

  test("throws if the database fails, instead of reporting a wrong password", async () => {
    const { account, login, database } = await openAuthenticator();
    await account("mia");
    assert.ok(await login("mia", secret));
    await database.close();
    await assert.rejects(login("mia", secret));
    await assert.rejects(login("mia", generateTokenSecret("personal")));
  });
});

describe("authentication by access token", () => {
  test("returns owner and scope of a personal token, and rejects it under another name", async () => {
    const { account, login, token } = await openAuthenticator();
    const accountId = await account("mia");
    await account("tom");
    const { secret: pat, id } = await token(accountId, "personal", { scopes: ["repo:write"] });
    const shown = { by: "access-token", accessToken: id, scope: "repo:write" };
    const mia = { kind: "user", accountId, name: "mia", isAdmin: false, ...shown };
    assert.deepEqual(await login("mia", pat), mia);
    assert.equal(await login("tom", pat), undefined);
    assert.equal(
      await login("mia", `${pat.slice(0, -1)}${pat.endsWith("0") ? "1" : "0"}`),
      undefined,
    );
  });

  test("returns organisation and resources of an organisation token", async () => {
    const { account, login, token } = await openAuthenticator();
    const accountId = await account("team", "organisation");
    const resources = [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] },
    ] as const;
    const { secret: oat, id } = await token(accountId, "organisation", { scopes: [], resources });
    assert.deepEqual(await login("team", oat), {
      kind: "organisation",
      accountId,
      name: "team",
      accessToken: id,
      resources,
    });
  });

  test("rejects a token that has expired or was deleted", async () => {
    const { account, login, database, token, wait } = await openAuthenticator();
    const accountId = await account("mia");
    const { secret: short } = await token(accountId, "personal", { expiresAtMs: start + 1000 });
    const { secret: long, id } = await token(accountId, "personal");
    wait(999);
    assert.ok(await login("mia", short));
    wait(1);
    assert.equal(await login("mia", short), undefined);
    assert.ok(await login("mia", long));
    await database.commands.deleteAccessToken({ id, accountId, actor, nowMs: start });
    assert.equal(await login("mia", long), undefined);
  });

  test("records the last use of a token at most once per minute", async () => {
    const { account, login, database, token, wait } = await openAuthenticator();
    const accountId = await account("mia");
    const { secret: pat } = await token(accountId, "personal");
    const lastUsed = async (): Promise<number | null | undefined> => {
      // The writer runs this command after the write that the login has queued.
      await database.commands.touchAccessToken({ id: "none", nowMs: 0 });
      return (await database.accessTokens.list(accountId))[0]?.lastUsedAtMs;
    };
    assert.equal(await lastUsed(), null);
    await login("mia", pat);
    assert.equal(await lastUsed(), start);
    wait(59_000);
    await login("mia", pat);
    assert.equal(await lastUsed(), start);
    wait(1_000);
    await login("mia", pat);
    assert.equal(await lastUsed(), start + 60_000);
  });

  test("blocks a peer after 5 wrong tokens, but neither the account nor its valid tokens", async () => {
    const { account, login, token } = await openAuthenticator();
    const accountId = await account("mia");
    const { secret: pat } = await token(accountId, "personal");
    for (let index = 0; index < 5; index += 1)
      assert.equal(await login("mia", generateTokenSecret("personal")), undefined);
    await assert.rejects(login("mia", generateTokenSecret("personal")), refused);
    assert.ok(await login("mia", pat));
    assert.ok(await login("mia", secret, "198.51.100.1"));
  });
});
