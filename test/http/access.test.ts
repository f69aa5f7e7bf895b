import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { systemActor } from "../../src/database/permissions/authority.ts";
import { forgedTokens, resign } from "../auth/tokens/forged-tokens.ts";
import { openDatabaseOf } from "../support/database.ts";
import { password, startClosedBerth } from "../support/closed.ts";
import { pushBlob } from "../support/berth.ts";

const berth = await startClosedBerth();
for (const name of ["mia", "ann", "bob"]) await berth.addUser(name);
await berth.addOrganisation("team", "ann");
await berth.pushImage("team/private", "ann", "private");
await berth.pushImage("team/public", "ann", "public");
const secret = await pushBlob(berth.as("ann"), "team/private", "only in team/private");
const open = await pushBlob(berth.as("ann"), "team/public", "only in team/public");

describe("GET /v2/", () => {
  test("a client without a token is answered 401 with a challenge, even where a repository is public", async () => {
    const { headers, body } = await berth.api.get("/v2/").expect(401);
    assert.equal(
      headers["www-authenticate"],
      `Bearer realm="http://127.0.0.1:${berth.port}/token",service="berth"`,
    );
    assert.equal(headers["docker-distribution-api-version"], "registry/2.0");
    assert.equal(body.errors[0].code, "UNAUTHORIZED");
    await berth.api.get("/v2/team/public/manifests/1").expect(401);
  });

  test("a token without scopes and Basic credentials are accepted, and a wrong password is answered 401", async () => {
    await berth
      .with(await berth.token(undefined))
      .api.get("/v2/")
      .expect(200);
    await berth.as("mia").api.get("/v2/").expect(200);
    await berth.as("ann").api.get("/v2/team/private/manifests/1").expect(200);
    await berth.as("mia").api.get("/v2/team/private/manifests/1").expect(401);
    await berth.as("mia", "wrong").api.get("/v2/").expect(401);
  });
});

describe("a token", () => {
  test("a token grants only its scopes, not the other permissions of its account", async () => {
    const pulling = berth.with(await berth.token("ann", "repository:team/private:pull")).api;
    await pulling.get("/v2/team/private/manifests/1").expect(200);
    const { headers } = await pulling.get("/v2/team/public/manifests/1").expect(401);
    assert.match(
      headers["www-authenticate"] ?? "",
      /,scope="repository:team\/public:pull",error="insufficient_scope"$/,
    );
    const { body } = await pulling.post("/v2/team/private/blobs/uploads/").expect(401);
    assert.deepEqual(body.errors[0].detail, [
      { Type: "repository", Class: "", Name: "team/private", Action: "pull" },
      { Type: "repository", Class: "", Name: "team/private", Action: "push" },
    ]);
  });

  test("a token for alpine also reads library/alpine, and the challenge keeps the requested name", async () => {
    await berth.pushImage("alpine", "admin", "public");
    const { api } = berth.with(await berth.token(undefined, "repository:alpine:pull"));
    await api.get("/v2/alpine/manifests/1").expect(200);
    await api.get("/v2/library/alpine/manifests/1").expect(200);
    const { headers } = await berth.api.get("/v2/alpine/manifests/1").expect(401);
    assert.match(headers["www-authenticate"] ?? "", /scope="repository:alpine:pull"$/);
  });

  test("a blob of a private repository is sent with Cache-Control: private", async () => {
    const { api } = berth.as("ann");
    const lines = await Promise.all(
      [`/v2/team/private/blobs/${secret}`, `/v2/team/public/blobs/${open}`].map(
        async (path) => (await api.get(path).expect(200)).headers["cache-control"],
      ),
    );
    assert.deepEqual(lines, ["private, max-age=31536000", "max-age=31536000"]);
  });

  test("a token with the action * grants all permissions of its account, including delete", async () => {
    await berth.pushImage("team/doomed", "ann", "private");
    const { api } = berth.with(await berth.token("ann", "repository:team/doomed:*"));
    await api.delete("/v2/team/doomed/manifests/1").expect(202);
  });

  test("a forged token is rejected with invalid_token by the Koa pipeline and the fast path", async () => {
    const good = await berth.token("ann", "repository:team/private:pull");
    const { privateKey, publicKey } = await berth.key();
    const path = "/v2/team/private/manifests/1";
    await berth
      .with(resign(good, privateKey, {}))
      .api.get(path)
      .expect(200);
    for (const [name, token] of Object.entries(forgedTokens(good, { privateKey, publicKey }))) {
      for (const url of [path, `${path}?long`]) {
        const asked = berth.with(token).api.get(url);
        if (token.length > 16_000) {
          // Node itself rejects a header of 1 MB with 431; it may close the connection before the client has read that.
          const answer: unknown = await asked.then(
            ({ status }) => status,
            (error: NodeJS.ErrnoException) => error.code,
          );
          assert.match(String(answer), /^(?:431|ECONNRESET|EPIPE)$/, name);
          continue;
        }
        const { status, headers } = await asked;
        assert.equal(status, 401, name);
        assert.match(headers["www-authenticate"] ?? "", /error="invalid_token"$/, name);
      }
    }
  });

  test("a token in another header, in a cookie or in the query is ignored", async () => {
    const token = await berth.token("ann", "repository:team/private:pull");
    const path = "/v2/team/private/manifests/1";
    await berth.api.get(`${path}?access_token=${token}&token=${token}`).expect(401);
    await berth.api.get(path).set("X-Token", token).set("Cookie", `token=${token}`).expect(401);
  });

  test("the scheme Bearer is accepted in any letter case", async () => {
    const token = await berth.token("ann", "repository:team/private:pull");
    for (const scheme of ["Bearer", "bearer", "BEARER"])
      await berth.api
        .get("/v2/team/private/manifests/1")
        .set("Authorization", `${scheme} ${token}`)
        .expect(200);
  });

  test("a token for a deleted repository does not open a new repository of the same name", async () => {
    await berth.pushImage("team/again", "ann", "private");
    const scope = "repository:team/again:pull,push,delete";
    const old = berth.with(await berth.token("ann", scope)).api;
    await old.get("/v2/team/again/manifests/1").expect(200);
    const database = await openDatabaseOf(berth.data);
    const actor = systemActor("berth");
    const repository = parseRepositoryName("team/again");
    await database.commands.deleteRepository({ repository, actor, nowMs: Date.now() });
    await database.close();
    await berth.pushImage("team/again", "ann", "private");
    for (const path of ["manifests/1", "tags/list"]) {
      const { headers } = await old.get(`/v2/team/again/${path}`).expect(401);
      assert.match(headers["www-authenticate"] ?? "", /error="insufficient_scope"$/);
    }
    await old.post("/v2/team/again/blobs/uploads/").expect(401);
    const fresh = berth.with(await berth.token("ann", scope)).api;
    await fresh.get("/v2/team/again/manifests/1").expect(200);
    // Its scopes for other repositories still work.
    const other = await berth.token("ann", "repository:team/private:pull", scope);
    await berth.with(other).api.get("/v2/team/private/manifests/1").expect(200);
  });

  test("a new token has only the permissions that are left, and a disabled account gets none", async () => {
    await berth.exec(`INSERT INTO collaborators SELECT repositories.id, accounts.id, 'write'
      FROM repositories, accounts WHERE repositories.name = 'team/private' AND accounts.name = 'bob'`);
    const scope = "repository:team/private:pull,push";
    const before = berth.with(await berth.token("bob", scope)).api;
    await before.get("/v2/team/private/manifests/1").expect(200);
    await berth.exec("UPDATE collaborators SET permission = 'read'");
    const reduced = berth.with(await berth.token("bob", scope)).api;
    await reduced.get("/v2/team/private/manifests/1").expect(200);
    await reduced.post("/v2/team/private/blobs/uploads/").expect(401);
    await berth.exec("UPDATE accounts SET disabled = 1 WHERE name = 'bob'");
    await berth.api.get("/token").auth("bob", password).expect(401);
    await berth.as("bob").api.get("/v2/team/private/manifests/1").expect(401);
  });
});

describe("the catalog", () => {
  const listed = async (name: string | undefined) => {
    const { api } = berth.with(await berth.token(name, "registry:catalog:*"));
    const { body } = await api.get("/v2/_catalog").expect(200);
    return (body as { repositories: string[] }).repositories;
  };

  test("lists only repositories that the caller may pull", async () => {
    assert.ok((await listed("ann")).includes("team/private"));
    for (const name of ["mia", undefined]) {
      const names = await listed(name);
      assert.ok(names.includes("team/public"), String(name));
      assert.ok(!names.includes("team/private"), String(name));
    }
  });

  test("a token without the scope registry:catalog:* is rejected with a challenge that names it", async () => {
    const { headers } = await berth
      .with(await berth.token("ann"))
      .api.get("/v2/_catalog")
      .expect(401);
    assert.match(headers["www-authenticate"] ?? "", /scope="registry:catalog:\*",error=/);
    assert.ok((await berth.as("ann").api.get("/v2/_catalog")).body.repositories.length > 0);
  });
});

describe("an upload", () => {
  test("an upload answers 404 to any account but the one that started it", async () => {
    await berth.exec(`INSERT INTO collaborators SELECT repositories.id, accounts.id, 'write'
      FROM repositories, accounts WHERE repositories.name = 'team/public' AND accounts.name = 'mia'`);
    const scope = "repository:team/public:pull,push";
    const mia = berth.with(await berth.token("mia", scope)).api;
    const ann = berth.with(await berth.token("ann", scope)).api;
    const { headers } = await mia.post("/v2/team/public/blobs/uploads/").expect(202);
    const place = headers["location"] ?? "";
    await ann.get(place).expect(404);
    await ann.delete(place).expect(404);
    await mia.get(place).expect(204);
    const pushing = berth.with(await berth.token("mia", "repository:team/public:push")).api;
    await pushing.get(place).expect(401);
    await pushing.delete(place).expect(204);
  });
});
