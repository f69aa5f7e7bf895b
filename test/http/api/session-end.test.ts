import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browserOf, session, sessions, userOf } from "../../support/browser.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { waitUntil } from "../../support/wait.ts";

const hourMs = 3_600_000;

interface Listed {
  readonly sessions: readonly {
    readonly id: string;
    readonly browser: string;
    readonly address: string;
    readonly started: string;
    readonly last_seen: string;
    readonly is_this_one: boolean;
  }[];
}

describe("a browser that is signed in", async () => {
  const berth = await startClosedBerth();
  for (const name of ["tom", "dora", "pia", "many", "idle"]) await berth.addUser(name);

  test("is signed out on its own, and the cookie of an ended session is that of an anonymous client", async () => {
    const browser = browserOf(berth);
    await browser.signIn("dora");
    const { headers } = await browser.send("delete", session).expect(204);
    const [set] = headers["set-cookie"] as unknown as string[];
    assert.equal(set, "berth=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    assert.equal(headers["clear-site-data"], undefined);
    assert.equal(userOf(await browser.send("get", session).expect(200)), undefined);
    const denied = await browser.send("get", sessions).expect(401);
    assert.match(denied.text, /your session has ended: sign in again/);
    await browser.send("delete", session).expect(204);
  });

  test("lists its sessions, and ends one or all others", async () => {
    const [one, two, three] = [
      browserOf(berth, "One\tBrowser"),
      browserOf(berth),
      browserOf(berth),
    ];
    for (const browser of [one, two, three]) await browser.signIn("pia");
    const list = async (): Promise<Listed["sessions"]> =>
      ((await one.send("get", sessions).expect(200)).body as Listed).sessions;
    const before = await list();
    assert.equal(before.length, 3);
    const own = before.find((listed) => listed.is_this_one);
    assert.equal(own?.browser, "One Browser");
    assert.equal(own.address, "127.0.0.1");
    assert.equal(own.started, own.last_seen);
    const tom = browserOf(berth);
    await tom.signIn("tom");
    await tom.send("delete", `${sessions}/${own.id}`).expect(404);
    const other = before.find((listed) => !listed.is_this_one);
    await one.send("delete", `${sessions}/${other?.id ?? ""}`).expect(204);
    await one.send("delete", `${sessions}/${other?.id ?? ""}`).expect(404);
    assert.equal((await list()).length, 2);
    await one.send("delete", sessions).expect(204);
    assert.deepEqual(await list(), [own]);
    for (const browser of [two, three])
      assert.equal(userOf(await browser.send("get", session)), undefined);
    assert.equal(userOf(await tom.send("get", session)), "tom");
  });

  test("replaces its former session when it signs in again", async () => {
    const browser = browserOf(berth);
    await browser.signIn("idle");
    await browser.signIn("idle");
    const { body } = await browser.send("get", sessions).expect(200);
    assert.equal((body as Listed).sessions.length, 1);
  });

  test("is one of at most 100 of an account: one more ends the one that was unused for the longest time", async () => {
    const id = Number(await berth.tables.value("SELECT id FROM accounts WHERE name = 'many'"));
    const nowMs = Date.now();
    for (let count = 0; count < 100; count += 1)
      await berth.tables.insert("browser_sessions", {
        ...{ id: `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`, account_id: id },
        ...{ secret_hash: `many ${count}`, password_at: nowMs, started_at: nowMs },
        seen_at: nowMs - 1_000_000 + count,
      });
    const browser = browserOf(berth);
    await browser.signIn("many");
    const { body } = await browser.send("get", sessions).expect(200);
    const listed = (body as Listed).sessions;
    assert.equal(listed.length, 100);
    assert.ok(listed[0]?.is_this_one);
    assert.ok(!listed.some((one) => one.id === "00000000-0000-4000-8000-000000000000"));
  });

  test("has audit rows for the start and the end of its session", async () => {
    const rows = await berth.tables.rows(`SELECT action, actor, account, subject, peer
      FROM audit_log WHERE account = 'dora' ORDER BY id`);
    const common = { actor: "dora", account: "dora", subject: "dora", peer: "127.0.0.1" };
    assert.deepEqual(
      rows.map((row) => ({ ...(row as object) })),
      [
        { action: "user.session.start", ...common },
        { action: "user.session.end", ...common },
      ],
    );
  });
});

describe("the session of a browser", async () => {
  const berth = await startClosedBerth({ "web.sessionIdle": "2h", "web.sessionLifetime": "5h" });
  await berth.addUser("mia");

  for (const [what, change] of [
    ["the account is disabled", "UPDATE accounts SET disabled = 1"],
    ["the password changes", `UPDATE accounts SET password_changed_at = ${Date.now() + 600_000}`],
    [
      "no request came for web.sessionIdle",
      `UPDATE browser_sessions SET seen_at = seen_at - ${2 * hourMs}`,
    ],
    [
      "web.sessionLifetime has passed since the sign-in",
      `UPDATE browser_sessions SET started_at = started_at - ${5 * hourMs}`,
    ],
    ["the account is deleted", "DELETE FROM accounts WHERE name = 'mia'"],
  ] as const)
    test(`ends when ${what}`, async () => {
      const browser = browserOf(berth);
      await browser.signIn("mia");
      assert.equal(userOf(await browser.send("get", session).expect(200)), "mia");
      await berth.exec(change);
      assert.equal(userOf(await browser.send("get", session).expect(200)), undefined);
      await browser.send("get", "/v2/user").expect(401);
      await berth.exec("UPDATE accounts SET disabled = 0, password_changed_at = NULL");
      await berth.exec("DELETE FROM browser_sessions");
    });

  test("stays valid between its limits, and its last request is recorded", async () => {
    await berth.addUser("tom");
    const browser = browserOf(berth);
    await browser.signIn("tom");
    await berth.exec(`UPDATE browser_sessions SET seen_at = seen_at - ${hourMs},
      started_at = started_at - ${4 * hourMs}`);
    assert.equal(userOf(await browser.send("get", session).expect(200)), "tom");
    await waitUntil("the request is recorded", async () => {
      const seenAtMs = await berth.tables.value("SELECT seen_at FROM browser_sessions");
      return Number(seenAtMs) > Date.now() - hourMs / 2;
    });
  });

  test("is not listed after it has ended, although its row is still stored", async () => {
    await berth.addUser("kim");
    const [ended, current] = [browserOf(berth), browserOf(berth)];
    await ended.signIn("kim");
    await berth.exec(`UPDATE browser_sessions SET seen_at = seen_at - ${2 * hourMs}
      WHERE account_id = (SELECT id FROM accounts WHERE name = 'kim')`);
    await current.signIn("kim");
    const { body } = await current.send("get", sessions).expect(200);
    assert.deepEqual(
      (body as Listed).sessions.map((listed) => listed.is_this_one),
      [true],
    );
  });
});

describe("the row of a session", () => {
  test("is shared by all worker processes: a session that one ends has ended for the other", async () => {
    const berth = await startClosedBerth({ workers: "2" });
    await berth.addUser("mia");
    const [one, two] = [browserOf(berth), browserOf(berth)];
    for (const browser of [one, two]) await browser.signIn("mia");
    // The requests go to the processes in turn.
    for (let count = 0; count < 4; count += 1)
      for (const browser of [one, two])
        assert.equal(userOf(await browser.send("get", session).expect(200)), "mia");
    await one.send("delete", sessions).expect(204);
    for (let count = 0; count < 4; count += 1)
      assert.equal(userOf(await two.send("get", session).expect(200)), undefined);
  });

  test("is deleted by maintenance after it has ended", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("mia");
    for (let count = 0; count < 2; count += 1) await browserOf(berth).signIn("mia");
    const week = 7 * 24 * hourMs;
    await berth.exec(`UPDATE browser_sessions SET seen_at = seen_at - ${week}
      WHERE id = (SELECT min(id) FROM browser_sessions)`);
    await berth.restart();
    await waitUntil("the row is deleted", async () => {
      const count = await berth.tables.value("SELECT count(*) FROM browser_sessions");
      return Number(count) === 1;
    });
  });
});
