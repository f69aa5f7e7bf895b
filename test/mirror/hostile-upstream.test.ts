import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { OCI_INDEX } from "../../src/oci/media-types.ts";
import { collect, ociManifest, pushBlob } from "../support/berth.ts";
import { waitUntil } from "../support/wait.ts";
import { newGate, openClient } from "./client.ts";
import {
  bulk,
  pushUpstream,
  startMirrorOf,
  startMirrorPair,
  startScriptedUpstream,
} from "./support.ts";

/** The number of files of open uploads. */
function openUploads(data: string): number {
  const folder = path.join(data, "uploads");
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  ).length;
}

describe("a private hosted blob whose digest an upstream claims to have", () => {
  const secret = Buffer.from("the bytes of a private image");
  const digest = digestOf(secret);
  let delivers = false;

  test("is not served to a client of the mirror before the upstream has sent the bytes", async () => {
    const upstream = await startScriptedUpstream((request, response) => {
      const known = request.method === "HEAD" || delivers;
      response.writeHead(known ? 200 : 404, {
        "Content-Length": known ? secret.length : 0,
        "Docker-Content-Digest": digest,
      });
      response.end(request.method === "GET" && known ? secret : undefined);
    });
    const mirror = await startMirrorOf(upstream.url);
    await pushBlob(mirror, "team/private", secret);
    const blob = `/v2/docker.io/attacker/app/blobs/${digest}`;
    const stolen = await mirror.api.get(blob).buffer(true).parse(collect);
    assert.equal(stolen.status, 404);
    delivers = true;
    const got = await mirror.api.get(blob).buffer(true).parse(collect).expect(200);
    assert.deepEqual(got.body, secret);
  });
});

/** Starts an upstream that sends endless blobs, with the given headers, until the connection breaks. */
async function startEndless(headers: Readonly<Record<string, string>>) {
  const sent = { bytes: 0, connections: 0 };
  const upstream = await startScriptedUpstream((request, response) => {
    if (!(request.url ?? "").includes("/blobs/")) return void response.writeHead(404).end();
    sent.connections += 1;
    response.writeHead(200, headers);
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (!response.destroyed) {
        sent.bytes += chunk.length;
        if (!response.write(chunk)) return;
      }
    };
    response.on("drain", more).on("error", () => undefined);
    response.on("close", () => (sent.connections -= 1));
    more();
  });
  return { upstream, sent };
}

describe("an endless blob", () => {
  const blob = `/v2/docker.io/team/app/blobs/${digestOf(Buffer.from("endless"))}`;

  test("is cancelled at the cache size of the mirror, and its upload is deleted", async () => {
    const { upstream, sent } = await startEndless({});
    const mirror = await startMirrorOf(upstream.url, { cacheSize: "5MiB" });
    await mirror.api.get(blob).expect(502);
    await waitUntil("the upstream's connection is closed", () => sent.connections === 0);
    // The bytes in socket buffers are added to the cache size.
    assert.ok(sent.bytes < 30 * 1024 * 1024, `${sent.bytes} bytes were sent`);
    await waitUntil("nothing is left", () => openUploads(mirror.data) === 0);
  });

  test("is cancelled when its client disconnects, if the mirror has no cache size", async () => {
    const { upstream, sent } = await startEndless({});
    const mirror = await startMirrorOf(upstream.url);
    const client = new AbortController();
    const { signal } = client;
    const asked = fetch(`http://127.0.0.1:${mirror.port}${blob}`, { signal }).catch(() => "left");
    await waitUntil("bytes are sent", () => sent.bytes > 0);
    client.abort();
    assert.equal(await asked, "left");
    await waitUntil("the upstream's connection is closed", () => sent.connections === 0);
    await waitUntil("nothing is left", () => openUploads(mirror.data) === 0);
  });

  test("whose Content-Length is above the cache size and that no manifest names is answered with 502", async () => {
    const { upstream, sent } = await startEndless({ "Content-Length": "600000000" });
    const mirror = await startMirrorOf(upstream.url, { cacheSize: "5MiB" });
    const { body } = await mirror.api.get(blob).expect(502);
    assert.match(body.errors[0].message, /no stored manifest names the blob/);
    await waitUntil("the upstream's connection is closed", () => sent.connections === 0);
  });
});

test("a mirror cancels a blob that is longer than the manifest says, also without Content-Length", async () => {
  const layer = Buffer.alloc(100_000, "layer");
  const manifest = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: ociManifest },
    config: { mediaType: "application/x", digest: digestOf(Buffer.from("{}")), size: 2 },
    layers: [{ mediaType: "application/y", digest: digestOf(layer), size: layer.length }],
  });
  let sent = 0;
  const upstream = await startScriptedUpstream((request, response) => {
    if ((request.url ?? "").includes("/manifests/"))
      return void response.writeHead(200, { "Content-Type": ociManifest }).end(manifest);
    const more = (): void => {
      while (!response.destroyed) {
        sent += layer.length;
        if (!response.write(layer)) return;
      }
    };
    response.on("drain", more).on("error", () => undefined);
    more();
  });
  const mirror = await startMirrorOf(upstream.url, { prefetch: 0 });
  await mirror.api.get("/v2/docker.io/team/app/manifests/1").expect(200);
  const blob = `/v2/docker.io/team/app/blobs/${digestOf(layer)}`;
  const status = await mirror.api.get(blob).then(
    (answer) => answer.status,
    () => "cut off",
  );
  assert.ok(status === 502 || status === "cut off", String(status));
  assert.ok(sent < 20_000_000, `${sent} bytes were sent`);
});

test("a mirror serves a blob above the cache size, and cancels its download when the client disconnects", async () => {
  const pair = await startMirrorPair({ cacheSize: "1MiB", prefetch: 0 });
  const image = await pushUpstream(pair, "library/large", "1", bulk(3_000_000, "large"));
  const large = `/v2/large/blobs/${image.layer}`;
  await pair.mirror.api.get("/v2/large/manifests/1").expect(200);
  const got = await pair.mirror.api.get(large).buffer(true).parse(collect).expect(200);
  assert.equal(Buffer.compare(got.body, image.layerBytes), 0);
  const other = await pushUpstream(pair, "library/other", "1", bulk(3_000_000, "other"));
  await pair.mirror.api.get("/v2/other/manifests/1").expect(200);
  const gate = newGate();
  pair.proxy.fail({ kind: "stall", atByte: 1_000_000, until: gate.until }, /\/blobs\//, 1);
  const client = await openClient(pair.mirror.port, `/v2/other/blobs/${other.layer}`);
  await client.read(500_000);
  client.answer.destroy();
  gate.open();
  await waitUntil("the fetch has stopped", () => openUploads(pair.mirror.data) === 0);
  const { headers } = await pair.mirror.api.get(`/v2/other/blobs/${other.layer}`).expect(200);
  assert.match(headers["cache-status"] ?? "", /fwd=miss/);
});

test("a client that asks for a blob whose download is being canceled receives it from a new download", async () => {
  const pair = await startMirrorPair({ cacheSize: "1MiB", prefetch: 0 });
  const image = await pushUpstream(pair, "library/app", "1", bulk(3_000_000, "app"));
  const blob = `/v2/app/blobs/${image.layer}`;
  await pair.mirror.api.get("/v2/app/manifests/1").expect(200);
  const gate = newGate();
  pair.proxy.fail({ kind: "stall", atByte: 1_000_000, until: gate.until }, /\/blobs\//, 1);
  const client = await openClient(pair.mirror.port, blob);
  await client.read(500_000);
  client.answer.destroy();
  // The mirror reads this request after the end of the connection above.
  await pair.mirror.api.get("/healthz").expect(200);
  const next = pair.mirror.api.get(blob).buffer(true).parse(collect).expect(200);
  const received = next.then(({ body }) => body as Buffer);
  await pair.mirror.api.get("/healthz").expect(200);
  gate.open();
  assert.equal(Buffer.compare(await received, image.layerBytes), 0);
});

test("a mirror answers 403 according to allow and deny, and requests a missing manifest once per ttl.missing", async () => {
  const upstream = await startScriptedUpstream((_, response) => response.writeHead(404).end());
  const rules = { allow: ["team/*"], deny: ["team/secret"], ttl: { missing: "1h" } };
  const mirror = await startMirrorOf(upstream.url, rules);
  await mirror.api.get("/v2/docker.io/other/app/manifests/1").expect(403);
  await mirror.api.get("/v2/docker.io/team/secret/manifests/1").expect(403);
  assert.deepEqual(upstream.seen, []);
  for (let round = 0; round < 3; round += 1)
    await mirror.api.get("/v2/docker.io/team/app/manifests/1").expect(404);
  assert.deepEqual(upstream.seen, ["GET /v2/team/app/manifests/1"]);
});

test("a mirror never fetches the urls of a child or config, not even from mirrors[].foreignLayerHosts", async () => {
  const content = Buffer.from("content that only another host has");
  const digest = digestOf(content);
  const other = await startScriptedUpstream((_, response) => response.end(content));
  const named = {
    ...{ mediaType: "application/x", digest, size: content.length },
    urls: [`${other.url}/content`],
  };
  const image = { schemaVersion: 2, mediaType: ociManifest, config: named, layers: [] };
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [named] };
  const upstream = await startScriptedUpstream((request, response) => {
    const document = [index, image].find((_, at) => request.url?.endsWith(`/manifests/${at}`));
    const { mediaType } = document ?? { mediaType: "text/plain" };
    response.writeHead(document === undefined ? 404 : 200, { "Content-Type": mediaType });
    response.end(document && JSON.stringify(document));
  });
  const { host } = new URL(other.url);
  const mirror = await startMirrorOf(upstream.url, { foreignLayerHosts: [host] });
  for (const [tag, repository] of ["index", "image"].entries()) {
    const path = `/v2/docker.io/team/${repository}`;
    await mirror.api.get(`${path}/manifests/${tag}`).expect(200);
    await mirror.api.get(`${path}/blobs/${digest}`).expect(404);
  }
  assert.deepEqual(other.seen, []);
});
