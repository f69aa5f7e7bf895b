import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { parseChallenge } from "../../src/mirror/upstream/authorization.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { pushBlob, startBerth, type TestBerth } from "../support/berth.ts";
import { mirrorSettings, newFolder, pushUpstream, startMirrorPair } from "./support.ts";

const password = "a long password";
const admin = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
const closed = { "auth.open": "false", "auth.adminPassword": password };

async function tokenFor(berth: TestBerth, scope: string, authorization?: string): Promise<string> {
  const asked = berth.api.get("/token").query({ service: "berth", scope });
  if (authorization !== undefined) asked.set("Authorization", authorization);
  return (await asked.expect(200)).body.token as string;
}

describe("a mirror with accounts", async () => {
  const pair = await startMirrorPair({}, closed);
  const { mirror } = pair;
  await pushUpstream(pair, "library/open", "1", "for everybody");

  test("answers a pull without a token with 401, and with 200 if an anonymous token has the requested name", async () => {
    const refused = await mirror.api.get("/v2/open/manifests/1").expect(401);
    assert.match(refused.headers["www-authenticate"] ?? "", /scope="repository:open:pull"/);
    for (const [name, query] of [
      ["open", ""],
      ["library/open", ""],
      ["docker.io/library/open", ""],
    ]) {
      const token = await tokenFor(mirror, `repository:${name}:pull`);
      await mirror.api
        .get(`/v2/${name}/manifests/1${query}`)
        .set("Authorization", `Bearer ${token}`)
        .expect(200);
    }
    const byNs = await mirror.api.get("/v2/library/open/manifests/1?ns=docker.io").expect(401);
    const [, scope = ""] = /scope="([^"]+)"/.exec(byNs.headers["www-authenticate"] ?? "") ?? [];
    const token = await tokenFor(mirror, scope);
    await mirror.api
      .get("/v2/library/open/manifests/1?ns=docker.io")
      .set("Authorization", `Bearer ${token}`)
      .expect(200);
    await mirror.api.get("/v2/open/manifests/1").set("Authorization", admin).expect(200);
  });

  test("rejects a token that was issued before a hosted repository of the same name existed", async () => {
    const token = await tokenFor(mirror, "repository:later:pull");
    const bytes = Buffer.from("private");
    const digest = digestOf(bytes);
    const begun = await mirror.api
      .post("/v2/later/blobs/uploads/")
      .set("Authorization", admin)
      .expect(202);
    await mirror.api
      .put(`${begun.headers["location"] ?? ""}&digest=${digest}`)
      .set("Authorization", admin)
      .set("Content-Type", "application/octet-stream")
      .send(bytes)
      .expect(201);
    await mirror.api
      .get(`/v2/later/blobs/${digest}`)
      .set("Authorization", `Bearer ${token}`)
      .expect(401);
  });

  test("that is private answers anonymous clients with 401, also for cached manifests", async () => {
    const settings = { ...mirrorSettings(pair.proxy.url, { visibility: "private" }), ...closed };
    const hidden = await startBerth(newFolder(), settings);
    await hidden.api.get("/v2/open/manifests/1").set("Authorization", admin).expect(200);
    for (const name of ["open", "docker.io/library/open"]) {
      const token = await tokenFor(hidden, `repository:${name}:pull`);
      await hidden.api
        .get(`/v2/${name}/manifests/1`)
        .set("Authorization", `Bearer ${token}`)
        .expect(401);
    }
    await hidden.close();
  });
});

describe("an upstream that asks for tokens", async () => {
  const upstream = await startBerth(newFolder());
  await pushBlob(upstream, "library/x", "x");
  const asked: { readonly url: string; readonly authorization: string | undefined }[] = [];
  let tokens = 0;
  const front = createServer((request, response) => {
    const { url = "", headers } = request;
    asked.push({ url, authorization: headers.authorization });
    if (url.startsWith("/token")) {
      tokens += 1;
      response.end(JSON.stringify({ token: `t${tokens}`, expires_in: 300 }));
      return;
    }
    if (headers.authorization !== `Bearer t${tokens}`) {
      const { port } = front.address() as AddressInfo;
      const realm = `http://127.0.0.1:${port}/token`;
      response.writeHead(401, { "WWW-Authenticate": `Bearer realm="${realm}",service="up"` });
      response.end();
      return;
    }
    response.writeHead(404, { "Content-Type": "application/json" });
    response.end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const { port } = front.address() as AddressInfo;
  const account = { username: "mia", password: "secret" };
  const mirror = await startBerth(newFolder(), mirrorSettings(`http://127.0.0.1:${port}`, account));
  after(async () => {
    await mirror.close();
    await upstream.close();
    front.closeAllConnections();
    front.close();
  });

  test("receives one token request per repository, with the mirror's credential and never a client's", async () => {
    for (const tag of ["1", "2", "3"])
      await mirror.api
        .get(`/v2/team/app/manifests/${tag}`)
        .set("Authorization", "Basic Y2xpZW50OnNlY3JldA==")
        .expect(404);
    const tokenRequests = asked.filter(({ url }) => url.startsWith("/token"));
    assert.equal(tokenRequests.length, 1);
    assert.equal(
      new URL(tokenRequests[0]?.url ?? "", "http://x").searchParams.get("scope"),
      "repository:team/app:pull",
    );
    const ours = `Basic ${Buffer.from("mia:secret").toString("base64")}`;
    assert.equal(tokenRequests[0]?.authorization, ours);
    assert.ok(
      asked.every(
        ({ authorization = ours }) =>
          authorization === ours || authorization.startsWith("Bearer t"),
      ),
    );
  });
});

test("the parser reads Basic and Bearer challenges and ignores unknown schemes and invalid realms", () => {
  const hub =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a:pull"';
  assert.deepEqual(parseChallenge(hub), {
    scheme: "bearer",
    realm: "https://auth.docker.io/token",
    service: "registry.docker.io",
  });
  assert.deepEqual(parseChallenge('Basic realm="x"'), { scheme: "basic" });
  assert.equal(parseChallenge('Bearer realm="not a url"'), undefined);
  assert.equal(parseChallenge("Negotiate"), undefined);
  assert.deepEqual(parseChallenge('Negotiate abc==, bearer realm = "https://a/\\"b" , Basic'), {
    scheme: "bearer",
    realm: 'https://a/"b',
    service: undefined,
  });
});
