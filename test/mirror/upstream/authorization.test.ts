import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { describe, test } from "node:test";
import { createCredential, parseChallenge } from "../../../src/mirror/upstream/authorization.ts";
import { startMirrorOf, startScriptedUpstream } from "../support.ts";
import { cpuMsOf } from "../../support/cpu-time.ts";

const account = { username: "mia", password: "secret" };
const basic = `Basic ${Buffer.from("mia:secret").toString("base64")}`;

describe("the password of a mirror's account", () => {
  const mayGoTo = (upstream: string, target: string, tokenHosts: readonly string[] = []) =>
    createCredential({ upstream, ...account, tokenHosts }).mayGoTo(new URL(target));

  test("is sent to exactly the upstream's host and port, and to no host with a similar name", () => {
    const victim = "https://registry.victim.co.uk";
    assert.equal(mayGoTo(victim, "https://registry.victim.co.uk/token"), true);
    for (const url of [
      "https://evil.co.uk/token",
      "https://victim.co.uk/token",
      "https://registry.victim.co.uk:8443/token",
      "https://registry.victim.co.uk.evil.com/token",
      "http://registry.victim.co.uk/token",
    ])
      assert.equal(mayGoTo(victim, url), false, url);
    assert.equal(mayGoTo("https://mine.azurecr.io", "https://theirs.azurecr.io/oauth2"), false);
    assert.equal(
      mayGoTo("https://a.compute.amazonaws.com", "https://b.compute.amazonaws.com"),
      false,
    );
  });

  test("is sent to token hosts that are listed or known to belong to the upstream", () => {
    assert.equal(mayGoTo("https://registry-1.docker.io", "https://auth.docker.io/token"), true);
    assert.equal(
      mayGoTo("https://registry-1.docker.io", "https://auth.docker.io:444/token"),
      false,
    );
    const gitlab = "https://registry.gitlab.com";
    assert.equal(mayGoTo(gitlab, "https://gitlab.com/jwt/auth"), false);
    assert.equal(mayGoTo(gitlab, "https://gitlab.com/jwt/auth", ["gitlab.com"]), true);
    assert.equal(mayGoTo(gitlab, "https://gitlab.com:8443/jwt", ["gitlab.com"]), false);
    assert.equal(mayGoTo(gitlab, "https://gitlab.com:8443/jwt", ["gitlab.com:8443"]), true);
    assert.equal(mayGoTo(gitlab, "http://gitlab.com/jwt/auth", ["gitlab.com"]), false);
  });

  test("is not sent to a token service at another port, and the error message names tokenHosts", async () => {
    const shown: IncomingHttpHeaders["authorization"][] = [];
    const service = await startScriptedUpstream((request, response) => {
      shown.push(request.headers.authorization);
      response.end('{"token":"stolen"}');
    });
    const upstream = await startScriptedUpstream((_, response) => {
      const challenge = `Bearer realm="${service.url}/token",service="up"`;
      response.writeHead(401, { "WWW-Authenticate": challenge }).end();
    });
    const closed = await startMirrorOf(upstream.url, account);
    const { body } = await closed.api.get("/v2/team/app/manifests/1").expect(502);
    assert.match(body.errors[0].message, /tokenHosts lists 127\.0\.0\.1:\d+/);
    assert.deepEqual(shown, []);
    const tokenHosts = [`127.0.0.1:${service.port}`];
    const listed = await startMirrorOf(upstream.url, { ...account, tokenHosts });
    await listed.api.get("/v2/team/app/manifests/1").expect(404);
    assert.deepEqual(shown, [basic]);
  });

  test("is not sent to the upstream when a redirect leads to another host and back", async () => {
    const shown: [string, string | undefined][] = [];
    const elsewhere = await startScriptedUpstream((request, response) => {
      shown.push(["elsewhere", request.headers.authorization]);
      response.writeHead(307, { Location: `${upstream.url}/private` }).end();
    });
    const upstream = await startScriptedUpstream((request, response) => {
      const { authorization } = request.headers;
      shown.push([request.url === "/private" ? "private" : "asked", authorization]);
      if (request.url === "/private") response.writeHead(404).end();
      else if (authorization === undefined)
        response.writeHead(401, { "WWW-Authenticate": 'Basic realm="here"' }).end();
      else response.writeHead(307, { Location: `${elsewhere.url}/x` }).end();
    });
    const mirror = await startMirrorOf(upstream.url, account);
    await mirror.api.get("/v2/team/app/manifests/1").expect(404);
    assert.deepEqual(shown, [
      ["asked", undefined],
      ["asked", basic],
      ["elsewhere", undefined],
      ["private", undefined],
    ]);
  });
});

test("a mirror uses the new realm of a challenge after the old token service answers 410", async () => {
  let moved = false;
  const upstream = await startScriptedUpstream((request, response) => {
    const { url = "", headers } = request;
    const [mirrorRepository] = /^\/(old|new)-token/.exec(url) ?? [];
    if (mirrorRepository !== undefined) {
      const isGone = mirrorRepository === "/old-token" && moved;
      response.writeHead(isGone ? 410 : 200).end('{"token":"good"}');
    } else if (headers.authorization === "Bearer good") {
      response.writeHead(404, { "Content-Type": "application/json" }).end('{"errors":[]}');
    } else {
      const realm = `http://${headers.host}/${moved ? "new" : "old"}-token`;
      response.writeHead(401, { "WWW-Authenticate": `Bearer realm="${realm}"` }).end();
    }
  });
  const mirror = await startMirrorOf(upstream.url);
  await mirror.api.get("/v2/team/one/manifests/1").expect(404);
  moved = true;
  await mirror.api.get("/v2/team/two/manifests/1").expect(404);
  assert.ok(upstream.seen.some((line) => line.startsWith("GET /new-token")));
});

test("the parser reads a challenge of 15 kB in less than 100 ms of processor time", () => {
  for (const part of ["a,", 'a="', "Bearer,", '\\"', " =", "a=b"]) {
    const header = `Bearer ${part.repeat(15_000 / part.length)}`;
    assert.equal(parseChallenge(header), undefined);
    const bothMs = cpuMsOf(() => {
      parseChallenge(header);
      parseChallenge(header.slice(0, 4_096));
    });
    assert.ok(bothMs < 100, part);
  }
});
