import assert from "node:assert/strict";
import { describe, test } from "node:test";
import supertest from "supertest";
import { decode } from "../../auth/tokens/forged-tokens.ts";
import { password, startClosedBerth } from "../../support/closed.ts";

const berth = await startClosedBerth();
berth.addUser("mia");
berth.addUser("ann");
berth.addUser("dora", { disabled: 1 });
berth.addOrganisation("team", "ann");
await berth.pushImage("team/private", "ann", "private");
await berth.pushImage("team/public", "ann", "public");
await berth.pushImage("alpine", "admin", "public");

const api = supertest(`http://127.0.0.1:${berth.port}`);
const get = (...scopes: string[]) =>
  api.get("/token").query({ service: "berth", client_id: "docker", scope: scopes });
const post = (fields: Readonly<Record<string, string | readonly string[]>>) =>
  api
    .post("/token")
    .type("form")
    .send({ service: "berth", client_id: "docker", ...fields });

interface TokenBody {
  readonly token: string;
  readonly access_token: string;
  readonly scope?: string;
}

const accessIn = ({ token }: TokenBody): readonly string[] =>
  (decode(token, 1)["access"] as { type: string; name: string; actions: string[] }[]).map(
    ({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`,
  );

/** What of the scopes is granted. */
async function granted(name: string | undefined, ...scopes: string[]): Promise<readonly string[]> {
  const asked = get(...scopes);
  const { body } = await (name === undefined ? asked : asked.auth(name, password)).expect(200);
  return accessIn(body as TokenBody);
}

describe("GET /token", () => {
  test("answers with a token that opens /v2/, and with what clients read of it", async () => {
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

  test("gives an anonymous token where nothing is shown", async () => {
    assert.deepEqual(await granted(undefined, "repository:team/public:pull,push"), [
      "repository:team/public:pull",
    ]);
  });

  test("silently reduces scopes to what there is a right to, down to nothing", async () => {
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

  test("takes scopes repeated, with spaces, and both at once", async () => {
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

  test("expands * to what there is a right to, and grants delete", async () => {
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

  test("grants a push to what is not there yet to who may create it", async () => {
    const scope = "repository:mia/new:pull,push";
    assert.deepEqual(await granted("mia", scope), [scope]);
    assert.deepEqual(await granted("ann", scope), []);
  });

  test("keeps the name as it was asked for, which is what another registry compares", async () => {
    const scopes = ["repository:alpine:pull", "repository:library/alpine:pull"];
    assert.deepEqual(await granted(undefined, ...scopes), scopes);
  });

  test("grants the catalog", async () => {
    assert.deepEqual(await granted("mia", "registry:catalog:*"), ["registry:catalog:*"]);
  });

  test("takes an access token in place of the password, within its limits", async () => {
    const secret = berth.addPersonalToken("ann", "repo:read");
    const { body } = await get("repository:team/private:pull,push").auth("ann", secret).expect(200);
    assert.deepEqual(accessIn(body as TokenBody), ["repository:team/private:pull"]);
    const robot = berth.addRobot("team", [
      { type: "TYPE_REPO", path: "team/*", scopes: ["scope-image-push"] },
    ]);
    const { body: other } = await get("repository:team/private:*").auth("team", robot).expect(200);
    assert.deepEqual(accessIn(other as TokenBody), ["repository:team/private:pull,push"]);
  });

  test("is not impressed by an account in the query, nor by what else clients send along", async () => {
    const { body } = await get()
      .query({ account: "admin", offline_token: "true", grant_type: "password" })
      .auth("mia", password)
      .expect(200);
    assert.equal(decode((body as TokenBody).token, 1)["sub"], "mia");
    assert.equal("refresh_token" in body, false);
  });

  test("refuses wrong credentials in the words of every client, and never takes them for none", async () => {
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

  test("wants to be meant, and a sensible number of scopes", async () => {
    await api.get("/token").expect(200);
    await api.get("/token?service=").expect(200);
    const foreign = await api.get("/token?service=registry.docker.io").expect(400);
    assert.equal(foreign.body.error, "invalid_request");
    const many = Array.from({ length: 101 }, (_, at) => `repository:a/b${at}:pull`);
    assert.equal((await get(...many).expect(400)).body.error, "invalid_scope");
  });

  test("says 503 when the accounts can't be looked up, with credentials and without", async () => {
    berth.exec("ALTER TABLE accounts RENAME TO gone");
    try {
      await get().auth("mia", password).expect(503);
      await berth.as("mia").api.get("/v2/team/public/tags/list").expect(503);
    } finally {
      berth.exec("ALTER TABLE gone RENAME TO accounts");
    }
    await get().auth("mia", password).expect(200);
  });
});

describe("POST /token", () => {
  test("takes a password", async () => {
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

  test("takes scopes in several fields too, and a type with a charset", async () => {
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

  test("refuses a wrong password with 401", async () => {
    const { body } = await post({
      ...{ grant_type: "password", username: "ann", password: "wrong" },
    }).expect(401);
    assert.equal(body.error, "invalid_grant");
    assert.equal(body.errors[0].code, "UNAUTHORIZED");
  });

  test("knows no refresh tokens, and gives none", async () => {
    const { body } = await post({
      ...{ grant_type: "password", username: "ann", password, access_type: "offline" },
    }).expect(200);
    assert.equal("refresh_token" in body, false);
    const refused = await post({ grant_type: "refresh_token", refresh_token: "x" }).expect(400);
    assert.equal(refused.body.error, "invalid_grant");
  });

  test("says what is wrong with a request that makes no sense", async () => {
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

describe("/.well-known/jwks.json", () => {
  test("publishes the key that tokens are signed with", async () => {
    const { body } = await api.get("/.well-known/jwks.json").expect(200);
    const token = await berth.token("mia");
    assert.deepEqual(
      body.keys.map(({ kid, alg, use }: Record<string, string>) => [kid, alg, use]),
      [[decode(token, 0)["kid"], "ES256", "sig"]],
    );
  });
});
