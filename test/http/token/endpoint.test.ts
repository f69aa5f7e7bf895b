import assert from "node:assert/strict";
import { describe, test } from "node:test";
import supertest from "supertest";
import { decode } from "../../auth/tokens/forged-tokens.ts";
import { password, startClosedBerth } from "../../support/closed.ts";
import { accessIn, type TokenBody } from "./access.ts";

const berth = await startClosedBerth();
await berth.addUser("mia");
await berth.addUser("ann");
await berth.addUser("dora", { disabled: 1 });
await berth.addOrganisation("team", "ann");
await berth.pushImage("team/private", "ann", "private");
await berth.pushImage("team/public", "ann", "public");
await berth.pushImage("alpine", "admin", "public");

const api = supertest(`http://127.0.0.1:${berth.port}`);
const get = (...scopes: string[]) =>
  api.get("/token").query({ service: "berth", client_id: "docker", scope: scopes });
/** Requests a token with these scopes, and returns the scopes that it grants. */
async function granted(name: string | undefined, ...scopes: string[]): Promise<readonly string[]> {
  const asked = get(...scopes);
  const { body } = await (name === undefined ? asked : asked.auth(name, password)).expect(200);
  return accessIn(body as TokenBody);
}

describe("GET /token", () => {
  test("answers a token that opens /v2/, with the fields that clients read and Cache-Control: no-store", async () => {
    const { body, headers } = await get().auth("mia", password).expect(200);
    assert.deepEqual(Object.keys(body as object).toSorted(), [
      ...["access_token", "expires_in", "issued_at", "token"],
    ]);
    assert.equal(body.token, body.access_token);
    assert.equal(body.expires_in, 300);
    assert.match(body.issued_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.equal(headers["cache-control"], "no-store");
    assert.deepEqual(accessIn(body as TokenBody), []);
    await berth
      .with(body.token as string)
      .api.get("/v2/")
      .expect(200, "{}");
  });

  test("answers a client without credentials a token for public pulls", async () => {
    assert.deepEqual(await granted(undefined, "repository:team/public:pull,push"), [
      "repository:team/public:pull",
    ]);
  });

  test("reduces the scopes without an error to those that the account has, or to none", async () => {
    assert.deepEqual(
      await granted(
        "mia",
        "repository:team/public:pull,push,delete",
        "repository:team/private:pull",
        "repository:nobody/nothing:pull,push",
      ),
      ["repository:team/public:pull"],
    );
    assert.deepEqual(await granted("mia", "repository:team/private:pull"), []);
    assert.deepEqual(await granted("mia", "nonsense", "repository:UPPER:pull"), []);
  });

  test("accepts repeated scope parameters, scopes separated by spaces, and both together", async () => {
    const expected = [
      "repository:team/private:pull,push",
      "repository:team/public:pull",
      "repository:alpine:pull",
    ];
    const [first, second, third] = [
      "repository:team/private:pull,push",
      "repository:team/public:pull",
      "repository:alpine:pull",
    ] as const;
    assert.deepEqual(await granted("ann", first, second, third), expected);
    assert.deepEqual(await granted("ann", `${first} ${second} ${third}`), expected);
    assert.deepEqual(await granted("ann", `${first} ${second}`, third), expected);
  });

  test("expands the action * to the permissions of the account, including delete", async () => {
    assert.deepEqual(await granted("ann", "repository:team/private:*"), [
      "repository:team/private:pull,push,delete",
    ]);
    assert.deepEqual(await granted("ann", "repository:team/private:delete"), [
      "repository:team/private:delete",
    ]);
    assert.deepEqual(await granted(undefined, "repository:team/public:*"), [
      "repository:team/public:pull",
    ]);
  });

  test("grants push on a missing repository only to an account that may create it", async () => {
    const scope = "repository:mia/new:pull,push";
    assert.deepEqual(await granted("mia", scope), [scope]);
    assert.deepEqual(await granted("ann", scope), []);
  });

  test("keeps the requested repository name, with or without library/", async () => {
    const scopes = ["repository:alpine:pull", "repository:library/alpine:pull"];
    assert.deepEqual(await granted(undefined, ...scopes), scopes);
  });

  test("grants the scope registry:catalog:*", async () => {
    assert.deepEqual(await granted("mia", "registry:catalog:*"), ["registry:catalog:*"]);
  });

  test("accepts an access token as password, and grants no more than its scopes", async () => {
    const secret = await berth.addPersonalToken("ann", "repo:read");
    const { body } = await get("repository:team/private:pull,push").auth("ann", secret).expect(200);
    assert.deepEqual(accessIn(body as TokenBody), ["repository:team/private:pull"]);
    const robot = await berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-push"] },
    ]);
    const { body: other } = await get("repository:team/private:*").auth("team", robot).expect(200);
    assert.deepEqual(accessIn(other as TokenBody), ["repository:team/private:pull,push"]);
  });

  test("ignores account, offline_token and grant_type in the query", async () => {
    const { body } = await get()
      .query({ account: "admin", offline_token: "true", grant_type: "password" })
      .auth("mia", password)
      .expect(200);
    assert.equal(decode((body as TokenBody).token, 1)["sub"], "mia");
    assert.equal("refresh_token" in body, false);
  });

  test("rejects wrong or malformed credentials with 401, and does not treat them as anonymous", async () => {
    const wrong: readonly (readonly [string, string])[] = [
      ["mia", "wrong"],
      ["nobody", password],
      ["dora", password],
      ["team", password],
      ["mia", ""],
      ["mia", "berth_pat_0000000000000000000000000000000000000"],
    ];
    const answers = await Promise.all(
      wrong.map(([name, secret]) => get("repository:team/public:pull").auth(name, secret)),
    );
    for (const { status, body, headers } of answers) {
      assert.equal(status, 401);
      assert.deepEqual(body, {
        errors: [{ code: "UNAUTHORIZED", message: "incorrect username or password" }],
        details: "incorrect username or password",
        error: "invalid_grant",
        error_description: "incorrect username or password",
      });
      assert.equal(headers["cache-control"], "no-store");
    }
    const { body } = await get().auth("mia", password).expect(200);
    const token = (body as TokenBody).token;
    for (const header of [`Bearer ${token}`, "Basic", "Basic !", "Basic bWlh", "Digest x"])
      await get().set("Authorization", header).expect(401);
  });

  test("rejects another service name and more than 100 scopes with 400", async () => {
    await api.get("/token").expect(200);
    await api.get("/token?service=").expect(200);
    const foreign = await api.get("/token?service=registry.docker.io").expect(400);
    assert.equal(foreign.body.error, "invalid_request");
    const many = Array.from({ length: 101 }, (_, at) => `repository:a/b${at}:pull`);
    assert.equal((await get(...many).expect(400)).body.error, "invalid_scope");
  });

  test("answers 503 to valid credentials while the accounts table cannot be read", async () => {
    await berth.exec("ALTER TABLE accounts RENAME TO gone");
    try {
      await get().auth("mia", password).expect(503);
      await berth.as("mia").api.get("/v2/team/public/tags/list").expect(503);
    } finally {
      await berth.exec("ALTER TABLE gone RENAME TO accounts");
    }
    await get().auth("mia", password).expect(200);
  });
});

describe("/.well-known/jwks.json", () => {
  test("publishes the key that signs the tokens", async () => {
    const { body } = await api.get("/.well-known/jwks.json").expect(200);
    const token = await berth.token("mia");
    assert.deepEqual(
      body.keys.map(({ kid, alg, use }: Record<string, string>) => [kid, alg, use]),
      [[decode(token, 0)["kid"], "ES256", "sig"]],
    );
  });
});
