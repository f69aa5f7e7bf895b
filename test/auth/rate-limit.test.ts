import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { createPasswords } from "../../src/auth/passwords.ts";
import { createRateLimit, rateLimitsOf } from "../../src/auth/rate-limit.ts";
import { generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { DatabaseError } from "../../src/database/errors.ts";
import type { OciError } from "../../src/oci/errors.ts";
import { describeFailure } from "../../src/registry/errors.ts";
import { actor, openAuthenticator, refused, secret, start } from "./authenticator.ts";

describe("the limit of wrong passwords", () => {
  test("applies per account and address, whether the account exists or not", async () => {
    for (const name of ["mia", "nobody"]) {
      const { account, login, wait } = await openAuthenticator();
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
    const { account, login } = await openAuthenticator();
    await account("mia");
    for (let index = 0; index < 50; index += 1)
      await login("mia", `guess ${index}`, `198.51.100.${index}`);
    assert.ok(await login("mia", secret, "192.0.2.7"));
  });

  test("applies per peer for all names together, and an IPv6 network is one peer", async () => {
    for (const peer of ["192.0.2.1", "2001:db8::"]) {
      const { login, account } = await openAuthenticator();
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
      const { account, login, hashings } = await openAuthenticator();
      await account("mia");
      for (let again = 0; again < 20; again += 1)
        assert.equal(await login(name, "an old one"), undefined);
      assert.equal(hashings(), 1);
      for (const guess of ["one", "two"]) assert.equal(await login(name, guess), undefined);
      await assert.rejects(login(name, "three"), refused);
    }
  });

  test("does not apply to a password that becomes the account's password after a failed login", async () => {
    const { account, login, database } = await openAuthenticator();
    await account("mia");
    assert.equal(await login("mia", "a new one"), undefined);
    const passwordHash = await createPasswords({ clock: Date.now }).hash("a new one");
    await database.commands.changeUser({ name: "mia", passwordHash, actor, nowMs: start });
    assert.ok(await login("mia", "a new one"));
  });

  test("permits only 3 of 20 concurrent guesses", async () => {
    const { account, login } = await openAuthenticator();
    await account("mia");
    const guesses = Array.from({ length: 20 }, (_, index) => login("mia", `guess ${index}`));
    const outcomes = await Promise.allSettled(guesses);
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 3);
  });

  test("permits 50 concurrent logins with the right password from different addresses", async () => {
    const { account, login } = await openAuthenticator();
    await account("mia");
    const logins = Array.from({ length: 50 }, (_, index) =>
      login("mia", secret, `192.0.2.${index}`),
    );
    assert.ok((await Promise.all(logins)).every((principal) => principal !== undefined));
  });

  test("reached at one address does not block the account at an address where it logged in before", async () => {
    const { account, login } = await openAuthenticator();
    await account("mia");
    assert.ok(await login("mia", secret, "198.51.100.1"));
    for (const guess of ["one", "two", "three"]) await login("mia", guess, "192.0.2.1");
    await assert.rejects(login("mia", secret, "192.0.2.1"), refused);
    assert.ok(await login("mia", secret, "198.51.100.1"));
  });

  test("reached by other names at an address does not block an account that logged in there before", async () => {
    const { account, login } = await openAuthenticator();
    await account("mia");
    assert.ok(await login("mia", secret));
    for (let index = 0; index < 5; index += 1) await login(`nobody${index}`, "wrong");
    await assert.rejects(login("tom", secret), refused);
    assert.ok(await login("mia", secret));
    for (let index = 0; index < 3; index += 1) await login("mia", `wrong ${index}`);
    await assert.rejects(login("mia", secret), refused);
  });

  test("does not count a login whose password could not be verified", async () => {
    const { account, login, breakPasswords } = await openAuthenticator();
    await account("mia");
    breakPasswords(true);
    for (let index = 0; index < 6; index += 1) await assert.rejects(login("mia", secret), /thread/);
    breakPasswords(false);
    assert.ok(await login("mia", secret));
  });

  test("applies to all names with the same first 255 characters together", async () => {
    const { login } = await openAuthenticator();
    const name = "a".repeat(255);
    for (const end of ["1", "2", "3"]) assert.equal(await login(name + end, "wrong"), undefined);
    await assert.rejects(login(`${name}4`, "wrong"), refused);
  });

  test("is answered with a Retry-After of 1 second when 1 ms is left", async () => {
    const { account, login, wait } = await openAuthenticator();
    await account("mia");
    for (const guess of ["one", "two", "three"]) await login("mia", guess);
    wait(29_999);
    await assert.rejects(login("mia", "four"), (error: OciError) => {
      assert.equal(error.headers?.["Retry-After"], "1");
      return refused(error);
    });
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

describe("the limit of wrong passwords of three replicas", () => {
  test("applies to all replicas together", async () => {
    const { account, login, wait } = await openAuthenticator({ replicas: 3 });
    await account("mia");
    for (const guess of ["one", "two", "three"]) assert.equal(await login("mia", guess), undefined);
    for (const guess of ["four", "five", "six"]) {
      await assert.rejects(login("mia", guess), (error: OciError) => {
        assert.equal(error.headers?.["Retry-After"], "30");
        return refused(error);
      });
    }
    assert.ok(await login("mia", secret, "198.51.100.1"));
    wait(30_000);
    assert.equal(await login("mia", "seven"), undefined);
    await assert.rejects(login("mia", "eight"), refused);
  });

  test("applies per address for all names together, but access tokens count at one replica", async () => {
    const { account, login, attemptsCounted } = await openAuthenticator({ replicas: 3 });
    await account("mia");
    for (const name of ["a", "b", "c", "d", "e"])
      assert.equal(await login(name, "wrong"), undefined);
    await assert.rejects(login("f", "wrong"), refused);
    assert.equal(attemptsCounted(), 6);
    assert.equal(await login("mia", generateTokenSecret("personal")), undefined);
    assert.equal(attemptsCounted(), 6);
  });

  test("does not count right passwords", async () => {
    const { account, login } = await openAuthenticator({ replicas: 3 });
    const names = ["a1", "b2", "c3", "d4", "e5", "f6", "g7"];
    for (const name of names) await account(name);
    for (const name of names) assert.ok(await login(name, secret));
  });

  test("is asked once for a password, and not again while the password is remembered", async () => {
    const { account, login, attemptsCounted } = await openAuthenticator({ replicas: 2 });
    await account("mia");
    for (const _ of [1, 2, 3, 4]) assert.ok(await login("mia", secret));
    assert.equal(attemptsCounted(), 1);
    for (const _ of [1, 2, 3, 4]) assert.equal(await login("mia", "an old one"), undefined);
    assert.equal(attemptsCounted(), 3, "each replica remembers wrong passwords for itself");
  });

  test("does not count an attempt that the database counts after its login has failed", async () => {
    let counted = (): void => undefined;
    let givenBack = 0;
    const limit = createRateLimit(() => start, rateLimitsOf(1), {
      take: () => new Promise((resolve) => (counted = () => resolve(0))),
      giveBack: () => void (givenBack += 1),
    });
    const attempt = limit.begin("mia", "192.0.2.1");
    assert.ok("forget" in attempt);
    const counting = attempt.countAmongReplicas();
    attempt.forget();
    counted();
    await counting;
    assert.equal(givenBack, 1);
  });

  test("fails all waiting logins with 503 after 15 s if the database does not answer", async () => {
    const { account, login, silence } = await openAuthenticator({ replicas: 2 });
    const names = ["mia", "tom", "eva", "leo"];
    for (const name of names) await account(name);
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      silence(true);
      const logins = Promise.allSettled(
        Array.from({ length: 40 }, (_, index) => login(names[index % 4] ?? "", secret)),
      );
      // Two logins ask the database; the others wait for them.
      for (let turn = 0; turn < 10; turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(15_000);
      for (const outcome of await logins) {
        assert.ok(outcome.status === "rejected" && outcome.reason instanceof DatabaseError);
        assert.equal(describeFailure(outcome.reason)?.status, 503);
      }
      silence(false);
      assert.ok(await login("mia", secret));
    } finally {
      mock.timers.reset();
    }
  });
});
