import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import type { TestBerth } from "../../support/berth.ts";
import { waitUntil } from "../../support/wait.ts";
import { newGate } from "../client.ts";
import { pushUpstream, startMirrorOf, startMirrorPair, startScriptedUpstream } from "../support.ts";

const limitedTo = (misses: number) => ({
  "limits.mirrorMisses": String(misses),
  trustedProxies: "127.0.0.1",
});

/** A client with the given IP address. */
const clientAt =
  (mirror: TestBerth, address: string) =>
  (path: string, method: "get" | "head" = "get") =>
    mirror.api[method](path).set("X-Forwarded-For", address);

const [ann, ben] = ["192.0.2.1", "192.0.2.2"];

/** Sends up to 50 requests until one is answered with 429. */
async function askUntilRefused<T extends { readonly status: number }>(
  ask: (at: number) => PromiseLike<T>,
): Promise<{ readonly admitted: number; readonly refused: T }> {
  for (let at = 0; at < 50; at += 1) {
    const refused = await ask(at);
    if (refused.status === 429) return { admitted: at, refused };
  }
  return assert.fail("none of 50 requests was refused");
}

describe("a client that requests names that the upstream does not have", () => {
  for (const { what, path, method } of [
    { what: "tags", path: (at: number) => `library/app/manifests/no-${at}`, method: "get" },
    {
      what: "tags by HEAD",
      path: (at: number) => `library/app/manifests/no-${at}`,
      method: "head",
    },
    {
      what: "manifests",
      path: (at: number) => `library/app/manifests/${digestOf(Buffer.from(`${at}`))}`,
      method: "get",
    },
    {
      what: "manifests by HEAD",
      path: (at: number) => `library/app/manifests/${digestOf(Buffer.from(`${at}`))}`,
      method: "head",
    },
    {
      what: "blobs",
      path: (at: number) => `library/app/blobs/${digestOf(Buffer.from(`${at}`))}`,
      method: "get",
    },
    {
      what: "blobs by HEAD",
      path: (at: number) => `library/app/blobs/${digestOf(Buffer.from(`${at}`))}`,
      method: "head",
    },
    { what: "lists of tags", path: (at: number) => `library/no-${at}/tags/list`, method: "get" },
    {
      what: "lists of referrers",
      path: (at: number) => `library/app/referrers/${digestOf(Buffer.from(`${at}`))}`,
      method: "get",
    },
  ] as const)
    test(`gets 429 with Retry-After for ${what} after limits.mirrorMisses misses`, async () => {
      const upstream = await startScriptedUpstream((_, response) => response.writeHead(404).end());
      const mirror = await startMirrorOf(upstream.url, {}, limitedTo(5));
      const get = clientAt(mirror, ann);
      const { admitted, refused } = await askUntilRefused((at) => get(`/v2/${path(at)}`, method));
      assert.ok(admitted >= 5, `refused after ${admitted}`);
      assert.match(String(refused.headers["retry-after"]), /^([1-9]|1[0-2])$/);
      if (method === "get") assert.equal(refused.body.errors[0].code, "TOOMANYREQUESTS");
    });

  test("gets 429 while another client pulls an image, and can pull this image from the cache", async () => {
    const pair = await startMirrorPair({ prefetch: 0 }, limitedTo(5));
    const image = await pushUpstream(pair, "library/app", "1", "one layer");
    const parts = [
      "/v2/library/app/manifests/1",
      ...[image.layer, image.config].map((digest) => `/v2/library/app/blobs/${digest}`),
    ];
    const [annGets, benGets] = [clientAt(pair.mirror, ann), clientAt(pair.mirror, ben)];
    await askUntilRefused((at) => annGets(`/v2/library/app/manifests/no-${at}`));
    for (const part of parts) await benGets(part).expect(200);
    for (const part of parts) await annGets(part).expect(200);
  });
});

describe("the number of a client's misses", () => {
  test("does not grow when the client requests cached content", async () => {
    const pair = await startMirrorPair({ prefetch: 0 }, limitedTo(4));
    const image = await pushUpstream(pair, "library/app", "1", "one layer");
    const get = clientAt(pair.mirror, ann);
    const parts = ["manifests/1", `blobs/${image.layer}`, "tags/list"];
    for (let round = 0; round < 20; round += 1)
      for (const part of parts) await get(`/v2/library/app/${part}`).expect(200);
    await get("/v2/library/app/manifests/no").expect(404);
  });

  test("does not grow when a request joins a running download", async () => {
    const gate = newGate();
    const upstream = await startScriptedUpstream((_, response) => {
      void gate.until.then(() => response.writeHead(404).end());
    });
    const mirror = await startMirrorOf(upstream.url, { ttl: { missing: "1m" } }, limitedTo(1));
    const get = clientAt(mirror, ann);
    const blob = `/v2/library/app/blobs/${digestOf(Buffer.from("none"))}`;
    const ask = () => get(blob).then(({ status }) => status);
    const first = ask();
    await waitUntil("the upstream is asked for the blob", () => upstream.seen.length > 0);
    const joined = Array.from({ length: 10 }, ask);
    await askUntilRefused((at) => get(`/v2/library/app/manifests/no-${at}`));
    gate.open();
    assert.deepEqual(new Set(await Promise.all([first, ...joined])), new Set([404]));
  });
});
