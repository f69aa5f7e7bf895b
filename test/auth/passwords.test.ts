import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPasswords } from "../../src/auth/passwords.ts";
import type { OciError } from "../../src/oci/errors.ts";

const cost = { ln: 4, r: 8, p: 1 };
const open = () => createPasswords({ clock: Date.now, cost });

describe("passwords", () => {
  test("are stored as scrypt hashes with the cost parameters and a unique salt", async () => {
    const kept = await createPasswords({ clock: Date.now }).hash("correct horse");
    assert.match(kept, /^\$scrypt\$ln=15,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.notEqual(await open().hash("correct horse"), await open().hash("correct horse"));
  });

  test("match only their own hash, with any cost parameters", async () => {
    const old = await createPasswords({ clock: Date.now, cost: { ln: 5, r: 4, p: 2 } }).hash(
      "right",
    );
    for (const passwords of [open(), open()]) {
      assert.equal(await passwords.verify("right", old), true);
      assert.equal(await passwords.verify("right", old), true);
      assert.equal(await passwords.verify("Right", old), false);
      assert.equal(await passwords.verify("right", await passwords.hash("other")), false);
      assert.equal(await passwords.verify("right", undefined), false);
    }
  });

  test("match in composed and decomposed Unicode form", async () => {
    const passwords = open();
    assert.equal(await passwords.verify("caf\u00E9", await passwords.hash("cafe\u0301")), true);
  });

  test("are cached after a verification, and hashed again after 5 minutes", async () => {
    let nowMs = 0;
    const passwords = createPasswords({ clock: () => nowMs, cost });
    const kept = await passwords.hash("right");
    const isAtOnce = async (): Promise<boolean> => {
      let settled = false;
      const verified = passwords.verify("right", kept).then(() => (settled = true));
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      const atOnce = settled;
      await verified;
      return atOnce;
    };
    assert.equal(await isAtOnce(), false);
    assert.equal(await isAtOnce(), true);
    nowMs += 5 * 60_000;
    assert.equal(await isAtOnce(), false);
  });

  test("beyond a queue of 512 are rejected with TOOMANYREQUESTS and Retry-After", async () => {
    const passwords = open();
    const kept = await passwords.hash("right");
    const outcomes = await Promise.allSettled(
      Array.from({ length: 600 }, (_, index) => passwords.verify(`wrong ${index}`, kept)),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 600 - 2 - 512);
    const error = refused[0]?.reason as OciError;
    assert.equal(error.code, "TOOMANYREQUESTS");
    assert.equal(error.headers?.["Retry-After"], "2");
    assert.equal(await passwords.verify("right", kept), true);
  });

  test("of a client that sends one are verified among the first 7, even if another client sends 1,000", async () => {
    const passwords = open();
    const kept = await passwords.hash("right");
    const order: string[] = [];
    const send = (key: string, count: number, isKnown = false): Promise<unknown> =>
      Promise.allSettled(
        Array.from({ length: count }, async (_, index) => {
          await passwords.verify(`${key} ${index}`, kept, { key, isKnown });
          order.push(key);
        }),
      );
    const flood = send("198.51.100.1", 1_000);
    const [one, known] = [send("192.0.2.1", 1), send("192.0.2.2", 1, true)];
    await Promise.all([flood, one, known]);
    // Two were running before the others came, and two run at once.
    assert.ok(
      order.indexOf("192.0.2.2") <= 4,
      `the known client was number ${order.indexOf("192.0.2.2")}`,
    );
    assert.ok(
      order.indexOf("192.0.2.1") <= 6,
      `the other client was number ${order.indexOf("192.0.2.1")}`,
    );
  });

  test("with an unreadable hash are an error", async () => {
    await assert.rejects(open().verify("right", "plain"), /unknown format/);
  });
});
