import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { createAuthenticator } from "../../src/auth/authenticate.ts";
import type { Principal } from "../../src/database/permissions/principal.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import { createPasswords, type Passwords } from "../../src/auth/passwords.ts";
import { createRateLimit } from "../../src/auth/rate-limit.ts";
import {
  hashTokenSecret,
  generateTokenSecret,
  type TokenKind,
} from "../../src/auth/tokens/secret.ts";
import type { CreateAccessToken } from "../../src/database/accounts/access-tokens.ts";
import type { OciError } from "../../src/oci/errors.ts";
import { openMetadataInMemory } from "../support/database.ts";

const actor = systemActor("berth");
const start = 1_700_000_000_000;
const secret = "correct horse battery";

async function open() {
  const database = openMetadataInMemory();
  let nowMs = start;
  let hashings = 0;
  const clock = (): number => nowMs;
  const cheap = createPasswords({ clock, cost: { ln: 4, r: 8, p: 1 } });
  const passwords: Passwords = {
    ...cheap,
    verify: (...given) => {
      hashings += 1;
      return cheap.verify(...given);
    },
  };
  const rateLimit = createRateLimit(clock, {
    perAccount: { burst: 3, everyMs: 30_000 },
    perPeer: { burst: 5, everyMs: 10_000 },
  });
  const authenticator = createAuthenticator({ database, passwords, rateLimit, clock });
  const passwordHash = await cheap.hash(secret);
  const account = async (name: string, kind: "user" | "organisation" = "user"): Promise<number> => {
    const input = { name, kind, actor, nowMs, ...(kind === "user" ? { passwordHash } : {}) };
    const made = await database.commands.createAccount(input);
    return typeof made === "number" ? made : assert.fail("the name is taken");
  };
  return {
    database,
    account,
    wait: (ms: number) => void (nowMs += ms),
    hashings: () => hashings,
    login: (name: string, secret: string, peer = "192.0.2.1"): Promise<Principal | undefined> =>
      authenticator.authenticate({ name, secret }, peer),
    token: async (accountId: number, kind: TokenKind, given: Partial<CreateAccessToken> = {}) => {
      const secret = generateTokenSecret(kind);
      const id = randomUUID();
      await database.commands.createAccessToken({
        id,
        accountId,
        label: "ci",
        description: "",
        secretHash: hashTokenSecret(secret),
        scopes: ["repo:read"],
        expiresAtMs: null,
        creatorAgent: "",
        actor,
        nowMs,
        ...given,
      });
      return { id, secret };
    },
  };
}

const refused = (error: OciError): boolean => {
  assert.equal(error.code, "TOOMANYREQUESTS");
  assert.match(error.headers?.["Retry-After"] ?? "", /^[1-9]\d*$/);
  return true;
};

describe("authentication by password", () => {
  test("accepts a user's name in any letter case with the password, and rejects a wrong password", async () => {
    const { account, login } = await open();
    const accountId = await account("mia");
    const mia = { kind: "user", accountId, name: "mia", isAdmin: false, by: "password" };
    assert.deepEqual(await login("mia", secret), mia);
    assert.deepEqual(await login("Mia", secret), mia);
    assert.equal(await login("mia", "wrong"), undefined);
    assert.equal(await login("mia", ""), undefined);
  });

  test("hashes once also for unknown names, invalid names and organisations", async () => {
    const { account, login, hashings } = await open();
    await account("team", "organisation");
    for (const [index, name] of ["nobody", "team", "NOT A NAME/../"].entries()) {
      assert.equal(await login(name, secret), undefined);
      assert.equal(hashings(), index + 1);
    }
  });

  test("rejects a disabled user with password or token until the user is enabled again", async () => {
    const { account, login, database, token } = await open();
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
    const { account, login, database } = await open();
    await account("mia");
    assert.ok(await login("mia", secret));
    const passwordHash = await createPasswords({ clock: Date.now }).hash("another one");
    await database.commands.changeUser({ name: "mia", passwordHash, actor, nowMs: start });
    assert.equal(await login("mia", secret), undefined);
    assert.ok(await login("mia", "another one"));
  });

  test("throws if the database fails, instead of reporting a wrong password", async () => {
    const { account, login, database } = await open();
    await account("mia");
    assert.ok(await login("mia", secret));
    await database.close();
    await assert.rejects(login("mia", secret));
    await assert.rejects(login("mia", generateTokenSecret("personal")));
  });
});

describe("the limit of wrong passwords", () => {
  test("applies per account and address, whether the account exists or not", async () => {
    for (const name of ["mia", "nobody"]) {
      const { account, login, wait } = await open();
      await account("mia");
      for (const guess of ["one", "two", "three"])
        assert.equal(await login(name, guess), undefined);
      await assert.rejects(login(name, secret), refused);
      wait(30_000);
      assert.equal(await login(name, "four"), undefined);
      await assert.rejects(login(name, "five"), refused);
    }
  });

  test("that 50 addresses reached for an account does not block its owner at another address", async () => {
    const { account, login } = await open();
    await account("mia");
    for (let index = 0; index < 50; index += 1)
      await login("mia", `guess ${index}`, `198.51.100.${index}`);
    assert.ok(await login("mia", secret, "192.0.2.7"));
  });

  test("applies per peer for all names together, and an IPv6 network is one peer", async () => {
    for (const peer of ["192.0.2.1", "2001:db8::"]) {
      const { login, account } = await open();
      await account("mia");
      for (let index = 0; index < 5; index += 1) {
        const from = peer.includes(":") ? `${peer}${index}` : peer;
        assert.equal(await login(`nobody-${index}`, "wrong", from), undefined);
      }
      await assert.rejects(login("mia", secret, peer.includes(":") ? `${peer}ff` : peer), refused);
      assert.ok(await login("mia", secret, "198.51.100.1"));
    }
  });

  test("counts and hashes a repeated wrong password once, whether the account exists or not", async () => {
    for (const name of ["mia", "nobody"]) {
      const { account, login, hashings } = await open();
      await account("mia");
      for (let again = 0; again < 20; again += 1)
        assert.equal(await login(name, "an old one"), undefined);
      assert.equal(hashings(), 1);
      for (const guess of ["one", "two"]) assert.equal(await login(name, guess), undefined);
      await assert.rejects(login(name, "three"), refused);
    }
  });

  test("does not apply to a password that becomes the account's password after a failed login", async () => {
    const { account, login, database } = await open();
    await account("mia");
    assert.equal(await login("mia", "a new one"), undefined);
    const passwordHash = await createPasswords({ clock: Date.now }).hash("a new one");
    await database.commands.changeUser({ name: "mia", passwordHash, actor, nowMs: start });
    assert.ok(await login("mia", "a new one"));
  });

  test("permits only 3 of 20 concurrent guesses", async () => {
    const { account, login } = await open();
    await account("mia");
    const guesses = Array.from({ length: 20 }, (_, index) => login("mia", `guess ${index}`));
    const outcomes = await Promise.allSettled(guesses);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
  });

  test("permits 50 concurrent logins with the right password from different addresses", async () => {
    const { account, login } = await open();
    await account("mia");
    const logins = Array.from({ length: 50 }, (_, index) =>
      login("mia", secret, `192.0.2.${index}`),
    );
    assert.ok((await Promise.all(logins)).every((principal) => principal !== undefined));
  });

  test("reached at one address does not block the account at an address where it logged in before", async () => {
    const { account, login } = await open();
    await account("mia");
    assert.ok(await login("mia", secret, "198.51.100.1"));
    for (const guess of ["one", "two", "three"]) await login("mia", guess, "192.0.2.1");
    await assert.rejects(login("mia", secret, "192.0.2.1"), refused);
    assert.ok(await login("mia", secret, "198.51.100.1"));
  });

  test("reached by other names at an address does not block an account that logged in there before", async () => {
    const { account, login } = await open();
    await account("mia");
    assert.ok(await login("mia", secret));
    for (let index = 0; index < 5; index += 1) await login(`nobody${index}`, "wrong");
    await assert.rejects(login("tom", secret), refused);
    assert.ok(await login("mia", secret));
    for (let index = 0; index < 3; index += 1) await login("mia", `wrong ${index}`);
    await assert.rejects(login("mia", secret), refused);
  });

  test("does not count an attempt that is forgotten because the database failed", async () => {
    const clock = (): number => start;
    const limit = createRateLimit(clock, {
      perAccount: { burst: 1, everyMs: 1000 },
      perPeer: { burst: 1, everyMs: 1000 },
    });
    const first = limit.begin("mia", "192.0.2.1");
    assert.ok("forget" in first);
    first.forget();
    assert.ok("forget" in limit.begin("mia", "192.0.2.1"));
    assert.deepEqual(limit.begin("mia", "192.0.2.1"), { retryAfterMs: 1000 });
  });
});

describe("authentication by access token", () => {
  test("returns owner and scope of a personal token, and rejects it under another name", async () => {
    const { account, login, token } = await open();
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
    const { account, login, token } = await open();
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
    const { account, login, database, token, wait } = await open();
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
    const { account, login, database, token, wait } = await open();
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
    const { account, login, token } = await open();
    const accountId = await account("mia");
    const { secret: pat } = await token(accountId, "personal");
    for (let index = 0; index < 5; index += 1)
      assert.equal(await login("mia", generateTokenSecret("personal")), undefined);
    await assert.rejects(login("mia", generateTokenSecret("personal")), refused);
    assert.ok(await login("mia", pat));
    assert.ok(await login("mia", secret, "198.51.100.1"));
  });
});
