import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { password, startClosedBerth } from "../../../support/closed.ts";
import { hubAs, hubWith, sessionOf } from "../support.ts";

describe("a login to the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  for (const name of ["mia", "dora", "pia", "rob"]) await berth.addUser(name);
  await berth.addOrganisation("team", "mia");
  await berth.pushImage("mia/private", "mia", "private");
  const login = (username: string, secret: string) =>
    berth.api.post("/v2/users/login/?refresh_token=true").send({ username, password: secret });

  test("answers a JWT from which clients read the user name and the expiry", async () => {
    const { body } = await login("mia", password).expect(200);
    const { token } = body as { token: string };
    const [, payload = ""] = token.split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<
      string,
      unknown
    >;
    assert.deepEqual(claims["https://hub.docker.com"], { username: "mia" });
    assert.ok(Number(claims["exp"]) > Date.now() / 1000);
  });

  test("a wrong password and an unknown user are rejected with the same answer", async () => {
    const wrong = await login("mia", "not the password").expect(401);
    const unknown = await login("nobody", "not the password").expect(401);
    assert.equal(wrong.text, unknown.text);
    assert.match(wrong.text, /"detail":"Incorrect authentication credentials"/);
  });

  test("its token is accepted with the scheme Bearer or JWT, in any letter case", async () => {
    const token = await sessionOf(berth, "mia");
    for (const word of ["Bearer", "JWT", "bearer", "jwt"]) {
      const { status, body } = await hubWith(berth, `${word} ${token}`)("get", "/v2/user/");
      assert.equal(status, 200);
      assert.equal(body["username"], "mia");
    }
  });

  test("the registry rejects its token, and the Hub-shaped API rejects a registry token", async () => {
    const session = await sessionOf(berth, "mia");
    await berth.with(session).api.get("/v2/").expect(401);
    await berth.with(session).api.get("/v2/mia/private/tags/list").expect(401);
    const registry = await berth.token("mia", "repository:mia/private:pull");
    await berth.with(registry).api.get("/v2/mia/private/tags/list").expect(200);
    assert.equal((await hubWith(berth, `Bearer ${registry}`)("get", "/v2/user")).status, 401);
    const open = await hubWith(berth, `Bearer ${registry}`)("get", "/v2/repositories/mia/private");
    assert.equal(open.status, 401);
  });

  test("a malformed token is rejected with 401, even on a route that needs no login", async () => {
    const token = await sessionOf(berth, "mia");
    for (const bad of ["Bearer x", `Bearer ${token}x`, `Basic ${token}`, "Bearer", "JWT a.b.c"])
      assert.equal((await hubWith(berth, bad)("get", "/v2/users/mia")).status, 401, bad);
  });

  test("its token is rejected after the account is disabled or its password changes", async () => {
    const dora = await hubAs(berth, "dora");
    assert.equal((await dora("get", "/v2/user")).status, 200);
    await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'dora'");
    assert.equal((await dora("get", "/v2/user")).status, 401);
    const pia = await hubAs(berth, "pia");
    // The login has a time of the database's clock, which can be some milliseconds ahead.
    await berth.exec(
      `UPDATE accounts SET password_changed_at = ${Date.now() + 60_000} WHERE name = 'pia'`,
    );
    assert.equal((await pia("get", "/v2/user")).status, 401);
  });

  test("its token is rejected when the access token used to log in is deactivated or deleted", async () => {
    const secret = await berth.addPersonalToken("rob", "repo:admin");
    const rob = await hubAs(berth, "rob", secret);
    assert.equal((await rob("get", "/v2/user")).status, 200);
    await berth.exec("UPDATE access_tokens SET is_active = 0");
    assert.equal((await rob("get", "/v2/user")).status, 401);
    await berth.exec("UPDATE access_tokens SET is_active = 1");
    assert.equal((await rob("get", "/v2/user")).status, 200);
    await berth.exec("DELETE FROM access_tokens");
    assert.equal((await rob("get", "/v2/user")).status, 401);
  });

  test("an organisation's access token can log in at /v2/auth/token, but not at /v2/users/login", async () => {
    const secret = await berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-pull"] },
    ]);
    await login("team", secret).expect(401);
    const robot = await hubAs(berth, "team", secret);
    assert.equal((await robot("get", "/v2/user")).status, 403);
  });
});

describe("an error of the Hub-shaped API", async () => {
  const berth = await startClosedBerth();
  const anonymous = hubWith(berth, undefined);

  test("has the fields of Docker Hub's errors, and a 405 has an Allow header", async () => {
    for (const path of ["/v2/scim/2.0/Users", "/v2/orgs/a/b/c/d", "/v2/users/2fa-login"]) {
      const { status, body } = await anonymous("get", path);
      assert.equal(status, 404);
      assert.deepEqual(Object.keys(body).toSorted(), ["detail", "errinfo", "message"]);
    }
    const { status, headers } = await anonymous("put", "/v2/users/login", {});
    assert.equal(status, 405);
    assert.equal(headers["allow"], "POST");
  });

  test("names the field that is missing", async () => {
    const { status, body } = await anonymous("post", "/v2/users/login", { username: "mia" });
    assert.equal(status, 400);
    assert.deepEqual(Object.keys(body["fields"] ?? {}), ["password"]);
    assert.equal(typeof body["text"], "string");
  });

  test("repeated password guesses are answered 429 with Retry-After and X-Retry-After", async () => {
    const guess = (tries: number) =>
      anonymous("post", "/v2/users/login", { username: "eve", password: `guess ${tries}` });
    let last = await guess(0);
    for (let tries = 1; tries < 20 && last.status !== 429; tries += 1) last = await guess(tries);
    assert.equal(last.status, 429);
    assert.ok(Number(last.headers["retry-after"]) > 0);
    assert.ok(Number(last.headers["x-retry-after"]) > Date.now() / 1000);
    assert.equal(last.body["error"], false);
  });

  test("is not used for registry routes of repositories named users or repositories", async () => {
    for (const path of ["/v2/users/tags/list", "/v2/repositories/tags/list"]) {
      const { body } = await berth.api.get(path).expect(401);
      assert.equal((body as { errors: { code: string }[] }).errors[0]?.code, "UNAUTHORIZED");
    }
  });
});
