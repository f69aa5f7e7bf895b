import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer, request } from "node:http";
import { createServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { startBerth } from "../../support/berth.ts";
import { startFaultyProxy } from "../../support/faulty-proxy.ts";
import { waitUntil } from "../../support/wait.ts";
import {
  mirrorSettings,
  newFolder,
  pushUpstream,
  startMirrorOf,
  startMirrorPair,
  startScriptedUpstream,
  untilHere,
} from "../support.ts";

const pairs = path.join(import.meta.dirname, "../../support/tls");
const ca = path.join(pairs, "first.cert.pem");

/** Starts an HTTPS server with the first of the two certificates in front of a registry. Returns its port. */
async function startTls(port: number) {
  const server = createServer(
    { cert: readFileSync(ca), key: readFileSync(path.join(pairs, "first.key.pem")) },
    (manifestDownloads, outgoing) => {
      const { method, url, headers } = manifestDownloads;
      const sent = request({ port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      manifestDownloads.pipe(sent);
    },
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Starts a proxy for CONNECT that records the requested hosts. */
async function startTunnels() {
  const asked: string[] = [];
  const server = createPlainServer((_, response) => response.writeHead(501).end());
  server.on("connect", ({ url = "" }, socket, head) => {
    asked.push(url);
    const [host, port] = url.split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on("error", () => onward.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe("the connection to an upstream", async () => {
  const pair = await startMirrorPair();
  await pushUpstream(pair, "library/far", "1", "far away");
  const port = await startTls(pair.upstream.port);
  const url = `https://127.0.0.1:${port}`;
  const statusOf = async (more: Readonly<Record<string, unknown>>): Promise<number> => {
    const mirror = await startBerth(newFolder(), mirrorSettings(url, more));
    const { status } = await mirror.api.get("/v2/far/manifests/1");
    await mirror.close();
    return status;
  };

  test("succeeds only if tls.ca trusts the certificate or tls.insecure is set; otherwise the answer is 502", async () => {
    assert.equal(await statusOf({}), 502);
    assert.equal(await statusOf({ tls: { ca } }), 200);
    assert.equal(await statusOf({ tls: { ca: path.join(pairs, "second.cert.pem") } }), 502);
    assert.equal(await statusOf({ tls: { insecure: true } }), 200);
  });

  test("goes through the proxy of HTTPS_PROXY, except to hosts in NO_PROXY", async () => {
    const tunnels = await startTunnels();
    const before = { ...process.env };
    after(() => Object.assign(process.env, before));
    process.env["HTTPS_PROXY"] = tunnels.url;
    assert.equal(await statusOf({ tls: { ca } }), 200);
    assert.deepEqual([...new Set(tunnels.asked)], [`127.0.0.1:${port}`]);
    tunnels.asked.length = 0;
    process.env["NO_PROXY"] = "127.0.0.1";
    assert.equal(await statusOf({ tls: { ca } }), 200);
    assert.deepEqual(tunnels.asked, []);
    delete process.env["HTTPS_PROXY"];
    delete process.env["NO_PROXY"];
  });
});

test("a mirror rejects a redirect of an HTTPS upstream to HTTP with 502", async () => {
  const plain = await startScriptedUpstream((_, response) => response.writeHead(404).end());
  const front = await startScriptedUpstream((request, response) => {
    response.writeHead(307, { Location: `${plain.url}${request.url}` }).end();
  });
  const mirror = await startMirrorOf(`https://127.0.0.1:${await startTls(front.port)}`, {
    tls: { ca },
  });
  const { body } = await mirror.api.get("/v2/far/manifests/1").expect(502);
  assert.match(body.errors[0].message, /the mirror requires https/);
  assert.equal(front.seen.length, 1);
  assert.deepEqual(plain.seen, []);
});

test("a mirror extends the TTL of a tag when ratelimit-remaining of its upstream is low", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const ttlMs = 3_600_000;
  const { upstream } = await startMirrorPair();
  await pushUpstream({ upstream }, "library/few", "1", "few");
  let remaining = "90;w=21600";
  const front = createPlainServer((manifestDownloads, outgoing) => {
    const { method, url, headers } = manifestDownloads;
    const sent = request({ port: upstream.port, method, path: url, headers }, (answer) => {
      const limits = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": remaining };
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...limits });
      answer.pipe(outgoing);
    });
    manifestDownloads.pipe(sent);
  }).listen(0, "127.0.0.1");
  await once(front, "listening");
  const counting = await startFaultyProxy((front.address() as AddressInfo).port);
  const settings = mirrorSettings(counting.url, { ttl: { tag: "1h" } });
  const mirror = await startBerth(newFolder(), settings);
  after(async () => {
    await mirror.close();
    await counting.close();
    front.closeAllConnections();
    front.close();
  });
  const requests = () => counting.count("HEAD") + counting.count("GET", /manifests/);
  // On a busy machine the manifest is stored late, or the upstream answers too late: then there is a `Warning` header.
  const pullUntilAsked = (times: number) =>
    waitUntil(`the upstream has ${times} requests`, async () => {
      const { headers } = await mirror.api.get("/v2/few/manifests/1").expect(200);
      return headers["warning"] === undefined && requests() === times;
    });
  await pullUntilAsked(1);
  t.mock.timers.tick(ttlMs + 1);
  await pullUntilAsked(2);
  remaining = "3;w=21600";
  t.mock.timers.tick(ttlMs + 1);
  await pullUntilAsked(3);
  t.mock.timers.tick(ttlMs + 1);
  await mirror.api.get("/v2/few/manifests/1").expect(200);
  assert.equal(requests(), 3, "three requests are left: the TTL of the tag is longer");
  const { text } = await mirror.api.get("/metrics").expect(200);
  assert.match(text, /^berth_mirror_upstream_requests_remaining\{mirror="docker\.io"\} 3$/m);
});

test("a running server copies the images of a schedule at the times of its cron expression", async () => {
  const schedule = [{ image: "library/early", tags: ["1"], cron: "* * * * * *" }];
  const pair = await startMirrorPair({ ttl: { tag: "1h", tagsList: "0s" } });
  const pushed = await pushUpstream(pair, "library/early", "1", "before anybody asks");
  const settings = mirrorSettings(pair.proxy.url, { schedule });
  const mirror = await startBerth(newFolder(), settings);
  const blob = new RegExp(`/blobs/${pushed.layer}$`);
  await waitUntil("the layer is asked for", () => pair.proxy.count("GET", blob) > 0);
  await untilHere(mirror, `/v2/early/blobs/${pushed.layer}`);
  await pair.proxy.close();
  await mirror.api.get("/v2/early/manifests/1").expect(200);
  assert.equal(pair.proxy.count("GET", blob), 1);
  await mirror.close();
});
