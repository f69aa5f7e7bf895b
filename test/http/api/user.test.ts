import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { browserOf, session } from "../../support/browser.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { hubAs } from "../hub/support.ts";

const user = "/api/berth/v1/user";
const users = "/api/berth/v1/users";

describe("the profile of the calling user", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom"]) await berth.addUser(name);

  test("has the name, the address and the role of the user", async () => {
    const { status, body } = await (await hubAs(berth, "mia"))("get", user);
    assert.equal(status, 200);
    const created = "1970-01-01T00:00:00.000Z";
    const own = { username: "mia", full_name: "", email: null, is_admin: false, created };
    assert.deepEqual(body, own);
  });

  test("changes field by field, and an audit row names the fields", async () => {
    const mia = await hubAs(berth, "mia");
    const change = async (body: object) => {
      const answer = await mia("patch", user, body);
      assert.equal(answer.status, 200, answer.text);
      return [answer.body["full_name"], answer.body["email"]];
    };
    assert.deepEqual(await change({ full_name: " Mia M. " }), ["Mia M.", null]);
    assert.deepEqual(await change({ email: "mia@example.com" }), ["Mia M.", "mia@example.com"]);
    assert.deepEqual(await change({}), ["Mia M.", "mia@example.com"]);
    assert.deepEqual(await change({ full_name: "", email: "" }), ["", null]);
    const rows = await berth.tables.rows(
      "SELECT data FROM audit_log WHERE action = 'user.update' ORDER BY id",
    );
    assert.deepEqual(
      rows.map((row) => (row as { data: string }).data),
      ["full_name", "email", "full_name,email"].map((changed) => JSON.stringify({ changed })),
    );
  });

  test("cannot have an address that is none, a long name or a name with a control character", async () => {
    const mia = await hubAs(berth, "mia");
    for (const body of [
      { email: "mia" },
      { email: `${"a".repeat(250)}@example.com` },
      { full_name: "a".repeat(101) },
      { full_name: "a\u202eb" },
      { full_name: null },
    ])
      assert.equal((await mia("patch", user, body)).status, 400, JSON.stringify(body));
  });

  test("is read, but not changed, with an access token", async () => {
    const secret = await berth.addPersonalToken("mia", "repo:admin");
    const mia = await hubAs(berth, "mia", secret);
    assert.equal((await mia("get", user)).status, 200);
    assert.equal((await mia("patch", user, { full_name: "x" })).status, 403);
    const body = { current: password, new: "another password" };
    assert.equal((await mia("post", `${user}/password`, body)).status, 403);
    assert.equal((await (await hubAs(berth))("get", user)).status, 401);
  });
});

describe("a change of the own password", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "tom"]) await berth.addUser(name);
  const another = "another good password";

  test("ends the other sessions of the user, and the session that changed it continues", async () => {
    const [one, two, tom] = [browserOf(berth), browserOf(berth), browserOf(berth)];
    await one.signIn("mia");
    await two.signIn("mia");
    await tom.signIn("tom");
    const hub = await hubAs(berth, "mia");
    await one.send("post", `${user}/password`, { current: password, new: another }).expect(204);
    await one.send("get", user).expect(200);
    await two.send("get", user).expect(401);
    await tom.send("get", user).expect(200);
    assert.equal((await hub("get", "/v2/user")).status, 401);
    const signIn = (secret: string, status: number) =>
      two.send("post", session, { username: "mia", password: secret }).expect(status);
    await signIn(password, 401);
    await signIn(another, 204);
  });

  test("is refused for a short password, an access token and a wrong current password, and changes nothing", async () => {
    const tom = browserOf(berth);
    await tom.signIn("tom");
    const token = await berth.addPersonalToken("tom", "repo:admin");
    for (const [body, message] of [
      [{ current: "wrong password", new: another }, /this is not the current password/],
      [{ current: token, new: another }, /this is not the current password/],
      [{ current: password, new: "short" }, /must have from 8 to 1024 characters/],
      [{ current: password, new: token }, /an access token cannot be a password/],
      [{ new: another }, /current/],
    ] as const) {
      const { text } = await tom.send("post", `${user}/password`, body).expect(400);
      assert.match(text, message);
    }
    await browserOf(berth).signIn("tom");
  });

  test("is limited after many wrong current passwords, as a login", async () => {
    const tom = browserOf(berth);
    await tom.signIn("tom");
    let status = 0;
    for (let count = 0; count < 40 && status !== 429; count += 1) {
      const body = { current: `wrong password ${count}`, new: another };
      ({ status } = await tom.send("post", `${user}/password`, body));
    }
    assert.equal(status, 429);
  });
});

describe("the look-up of users", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "mi-2", "mike", "tom"]) await berth.addUser(name);
  await berth.addOrganisation("mission", "mia");
  await berth.exec(
    "UPDATE accounts SET full_name = 'Mike', email = 'mike@example.com' WHERE name = 'mike'",
  );
  for (let count = 10; count < 25; count += 1) await berth.addUser(`many${count}`);
  await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'many10'");

  test("finds users by the beginning of their names, without organisations and addresses", async () => {
    const tom = await hubAs(berth, "tom");
    const { status, body } = await tom("get", `${users}?prefix=MI`);
    assert.equal(status, 200);
    assert.deepEqual(body["users"], [
      { username: "mi-2", full_name: "" },
      { username: "mia", full_name: "" },
      { username: "mike", full_name: "Mike" },
    ]);
    assert.deepEqual((await tom("get", `${users}?prefix=m%25`)).body["users"], []);
  });

  test("has at most 10 users, and none that is disabled", async () => {
    const { body } = await (await hubAs(berth, "tom"))("get", `${users}?prefix=many`);
    const names = (body["users"] as unknown as readonly { username: string }[]).map(
      ({ username }) => username,
    );
    assert.deepEqual(
      names,
      Array.from({ length: 10 }, (_, at) => `many${11 + at}`),
    );
  });

  test("needs a user and at least 2 characters", async () => {
    assert.equal((await (await hubAs(berth))("get", `${users}?prefix=mi`)).status, 401);
    const tom = await hubAs(berth, "tom");
    for (const query of ["?prefix=m", "?prefix=", ""])
      assert.equal((await tom("get", users + query)).status, 400);
  });
});
