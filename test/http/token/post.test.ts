import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type supertest from "supertest";
import { password, startClosedBerth } from "../../support/closed.ts";
import { accessIn, type TokenBody } from "./access.ts";

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addOrganisation("team", "ann");
await berth.pushImage("team/private", "ann", "private");
await berth.pushImage("team/public", "ann", "public");

const { api } = berth;
const post = (fields: Readonly<Record<string, string | readonly string[]>>) =>
  api
    .post("/token")
    .type("form")
    .send({ service: "berth", client_id: "docker", ...fields });

describe("POST /token", () => {
  test("answers a token for a user name and a password", async () => {
    const { body, headers } = await post({
      grant_type: "password",
      username: "ann",
      password,
      scope: "repository:team/private:pull,push repository:nobody/x:pull",
    }).expect(200);
    assert.deepEqual(accessIn(body as TokenBody), ["repository:team/private:pull,push"]);
    assert.equal(body.scope, "repository:team/private:pull,push");
    assert.equal(headers["cache-control"], "no-store");
  });

  test("accepts scopes in several fields, and a Content-Type with a charset", async () => {
    const { body } = await api
      .post("/token")
      .set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
      .send(
        new URLSearchParams([
          ["grant_type", "password"],
          ["service", "berth"],
          ["client_id", "containers/image"],
          ["username", "ann"],
          ["password", password],
          ["scope", "repository:team/private:pull"],
          ["scope", "repository:team/public:pull"],
        ]).toString(),
      )
      .expect(200);
    assert.equal(body.scope, "repository:team/private:pull repository:team/public:pull");
  });

  test("rejects a wrong password with 401 invalid_grant", async () => {
    const { body } = await post({
      ...{ grant_type: "password", username: "ann", password: "wrong" },
    }).expect(401);
    assert.equal(body.error, "invalid_grant");
    assert.equal(body.errors[0].code, "UNAUTHORIZED");
  });

  test("neither answers a refresh token nor accepts one", async () => {
    const { body } = await post({
      ...{ grant_type: "password", username: "ann", password, access_type: "offline" },
    }).expect(200);
    assert.equal("refresh_token" in body, false);
    const refused = await post({ grant_type: "refresh_token", refresh_token: "x" }).expect(400);
    assert.equal(refused.body.error, "invalid_grant");
  });

  test("rejects an invalid request with 400 and the matching OAuth error", async () => {
    const good = { grant_type: "password", username: "ann", password };
    const wrong: readonly (readonly [string, supertest.Test])[] = [
      ["unsupported_grant_type", post({ ...good, grant_type: "authorization_code" })],
      ["invalid_request", post({ ...good, grant_type: "" })],
      ["invalid_request", post({ ...good, service: "other" })],
      ["invalid_request", post({ ...good, service: "" })],
      ["invalid_request", post({ ...good, client_id: "" })],
      ["invalid_request", post({ grant_type: "password", username: "ann" })],
      ["invalid_request", api.post("/token").send(good)],
      ["invalid_request", post({ ...good, password: "x".repeat(70_000) })],
      ["invalid_scope", post({ ...good, scope: "repository:a/b:pull ".repeat(101) })],
    ];
    for (const [error, asked] of wrong) {
      const { status, body } = await asked;
      assert.deepEqual([status, body.error], [400, error]);
      assert.equal(typeof body.error_description, "string");
      assert.equal(typeof body.errors[0].message, "string");
    }
  });
});
