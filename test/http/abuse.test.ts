import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generateTokenSecret } from "../../src/auth/tokens/secret.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { DOCKER_MANIFEST, OCI_INDEX } from "../../src/oci/media-types.ts";
import { connect } from "../server/support.ts";
import { ociManifest, pushBlob, pushImageParts, putManifest } from "../support/berth.ts";
import { password, startClosedBerth } from "../support/closed.ts";

const berth = await startClosedBerth();
for (const name of ["ann", "mia"]) await berth.addUser(name);
await berth.pushImage("ann/private", "ann", "private");

describe("an upload", () => {
  test("an upload id answers 404 below another repository, even to a client that may push to both", async () => {
    const ann = berth.with(
      await berth.token("ann", "repository:ann/private:pull,push", "repository:ann/b:pull,push"),
    ).api;
    const { headers } = await ann.post("/v2/ann/private/blobs/uploads/").expect(202);
    const place = String(headers["location"]);
    const elsewhere = place.replace("ann/private", "ann/b");
    const digest = digestOf(Buffer.from("x"));
    for (const asked of [
      ann.get(elsewhere),
      ann.patch(elsewhere).send("x"),
      ann.put(`${elsewhere}&digest=${digest}`).send("x"),
      ann.delete(elsewhere),
    ])
      assert.equal((await asked).status, 404);
    await ann.get(place).expect(204);
    await ann.delete(place).expect(204);
  });

  test("an upload that a robot started answers 404 to a user who owns the organisation", async () => {
    const id = await berth.addOrganisation("crew", "ann");
    assert.ok(id > 0);
    const secret = await berth.addRobot("crew", [
      { type: "TYPE_REPO", path: "crew/*", scopes: ["scope-image-delete"] },
      { type: "TYPE_ORG", path: "crew", scopes: ["scope-repository-create"] },
    ]);
    const [ann, robot] = [berth.as("ann").api, berth.as("crew", secret).api];
    const { headers } = await robot.post("/v2/crew/app/blobs/uploads/").expect(202);
    await ann.get(String(headers["location"])).expect(404);
    await robot.get(String(headers["location"])).expect(204);
  });
});

describe("an immutable tag", () => {
  test("a push of the same bytes under another media type is rejected, by tag, by digest and below an index", async () => {
    const ann = berth.as("ann");
    const parts = await pushImageParts(ann, "ann/fixed");
    const { mediaType: _, ...untyped } = JSON.parse(parts.manifest.toString()) as {
      readonly mediaType: string;
    };
    const manifest = Buffer.from(JSON.stringify(untyped));
    const digest = digestOf(manifest);
    await putManifest(ann, "ann/fixed", "1", manifest, ociManifest).expect(201);
    await berth.exec("UPDATE repositories SET immutable_tags = '[]' WHERE name = 'ann/fixed'");
    await putManifest(ann, "ann/fixed", "1", manifest, ociManifest).expect(201);
    for (const reference of ["1", digest, `${digest}?tag=1`, `${digest}?tag=2`, "2"]) {
      const { body } = await putManifest(ann, "ann/fixed", reference, manifest, DOCKER_MANIFEST);
      assert.equal(body.errors?.[0].code, "DENIED", reference);
    }
    const { headers } = await ann.api.get("/v2/ann/fixed/manifests/1").expect(200);
    assert.equal(headers["content-type"], ociManifest);

    const size = manifest.length;
    const child = {
      ...parts,
      manifest: Buffer.from(JSON.stringify({ ...untyped, annotations: {} })),
    };
    const childDigest = digestOf(child.manifest);
    await putManifest(ann, "ann/fixed", childDigest, child.manifest).expect(201);
    const manifests = [
      { mediaType: ociManifest, digest: childDigest, size: child.manifest.length },
      { mediaType: ociManifest, digest, size },
    ];
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    await putManifest(ann, "ann/fixed", "all", index, OCI_INDEX).expect(201);
    await putManifest(ann, "ann/fixed", childDigest, child.manifest, DOCKER_MANIFEST).expect(403);
  });
});

describe("a client that is not a trusted proxy", () => {
  test("the login limit counts its socket address and ignores X-Forwarded-For and Forwarded", async () => {
    const berth = await startClosedBerth();
    await berth.addUser("mia");
    await berth.api.get("/token").auth("admin", password).expect(200);
    let limited = 0;
    for (let attempt = 0; attempt < 40 && limited === 0; attempt += 1) {
      const { status } = await berth.api
        .get("/token")
        .auth("mia", generateTokenSecret("personal"))
        .set("X-Forwarded-For", `203.0.113.${attempt}`)
        .set("X-Real-IP", `203.0.113.${attempt}`)
        .set("Forwarded", `for=203.0.113.${attempt}`);
      if (status === 429) limited = attempt;
      else assert.equal(status, 401);
    }
    assert.ok(limited >= 30, `after ${limited}`);
    // From the same address, a valid access token and an account that logged in before are still accepted.
    await berth.api.get("/token").auth("admin", password).expect(200);
    const secret = await berth.addPersonalToken("mia", "repo:read");
    await berth.api.get("/token").auth("mia", secret).expect(200);
  });

  test("forged forwarding headers change neither the token realm nor any other URL of an answer", async () => {
    const ann = berth.with(await berth.token("ann", "repository:ann/private:pull,push")).api;
    const forged = {
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Port": "1",
      "X-Forwarded-Prefix": "/evil",
      "X-Original-URL": "/v2/",
      "X-Rewrite-URL": "/v2/",
      Forwarded: "host=evil.example;proto=https",
    };
    const refused = await berth.api.get("/v2/ann/private/tags/list").set(forged).expect(401);
    assert.match(
      String(refused.headers["www-authenticate"]),
      new RegExp(`^Bearer realm="http://127\\.0\\.0\\.1:${berth.port}/token"`),
    );
    const started = await ann.post("/v2/ann/private/blobs/uploads/").set(forged).expect(202);
    assert.match(String(started.headers["location"]), /^\/v2\/ann\/private\/blobs\/uploads\//);
    const listed = await ann.get("/v2/ann/private/tags/list?n=0").set(forged).expect(200);
    assert.doesNotMatch(JSON.stringify([started.headers, listed.headers]), /evil/);
  });
});

describe("an Authorization header that is sent twice", () => {
  test("the first value counts: a valid token in the second one is answered 401", async () => {
    const good = await berth.token("ann", "repository:ann/private:pull");
    const lines = (first: string, second: string): string =>
      `GET /v2/ann/private/tags/list HTTP/1.1\r\nHost: berth\r\nAuthorization: Bearer ${first}\r\nAuthorization: Bearer ${second}\r\nConnection: close\r\n\r\n`;
    assert.match(await (await connect(berth.port, lines("x.y.z", good))).all(), /^HTTP\/1\.1 401 /);
  });
});

describe("with a broken database table", () => {
  test("a request with a bearer token is answered 503 and not 401, whether the token is cached or new", async () => {
    const known = berth.with(await berth.token("ann", "repository:ann/private:pull,push")).api;
    await known.get("/v2/ann/private/manifests/1").expect(200);
    const fresh = berth.with(await berth.token("ann", "repository:ann/private:pull,push")).api;
    await berth.exec("ALTER TABLE repository_removals RENAME TO gone");
    try {
      for (const api of [known, fresh]) {
        await api.get("/v2/ann/private/manifests/1").expect(503);
        await api.get("/v2/ann/private/tags/list").expect(503);
        await api.head("/v2/ann/private/manifests/1").expect(503);
        await api.post("/v2/ann/private/blobs/uploads/").expect(503);
      }
    } finally {
      await berth.exec("ALTER TABLE gone RENAME TO repository_removals");
    }
    await known.get("/v2/ann/private/manifests/1").expect(200);
  });
});

describe("a path with dot segments, encoded slashes or other letters", () => {
  test("never reaches a repository that the token does not name", async () => {
    const { api } = berth.with(await berth.token("mia", "repository:mia/app:pull,push"));
    await pushBlob(berth.as("mia"), "mia/app", "x");
    for (const path of [
      "/v2/mia/app/../../ann/private/manifests/1",
      "/v2/mia/app/%2e%2e/%2e%2e/ann/private/manifests/1",
      "/v2/mia%2Fapp%2F..%2F..%2Fann%2Fprivate/manifests/1",
      "/v2/ann%2Fprivate/manifests/1",
      "/v2//ann/private/manifests/1",
      "/v2/ann/private/manifests/1/",
      "/v2/Ann/private/manifests/1",
      "/V2/ann/private/manifests/1",
      "/v2/mia/app/manifests/1/ann/private/manifests/1",
      "/v2/mia/app/manifests/..%2F..%2Fann%2Fprivate%2Fmanifests%2F1",
      "/v2/mia/app/blobs/uploads/../../../../ann/private/manifests/1",
      "/v2/mia/app%00/../ann/private/manifests/1",
    ]) {
      const head = `GET ${path} HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n`;
      const token = await berth.token("mia", "repository:mia/app:pull,push");
      const sent = `${head}Authorization: Bearer ${token}\r\n\r\n`;
      const answer = await (await connect(berth.port, sent)).all();
      assert.match(answer, /^HTTP\/1\.1 (?:400|401|404) /, path);
      assert.doesNotMatch(answer, /docker-content-digest/i, path);
    }
    await api.get("/v2/mia/app/tags/list").expect(200);
  });
});
