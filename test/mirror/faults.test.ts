import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collect, startBerth } from "../support/berth.ts";
import { startFaultyProxy, type Fault } from "../support/faulty-proxy.ts";
import { waitUntil } from "../support/wait.ts";
import { newGate, openClient } from "./client.ts";
import {
  bulk,
  mirrorSettings,
  newFolder,
  pushUpstream,
  startMirrorPair,
  untilHere,
} from "./support.ts";

/**
 * The statuses for a manifest and for a blob that are not cached, while the upstream has the fault. `cut off`: 502, or
 * the connection breaks if the mirror has already sent bytes.
 */
const table: readonly {
  readonly name: string;
  readonly fault: Fault;
  readonly manifest: number;
  readonly blob: number | "cut off";
  readonly retryAfter?: string;
}[] = [
  {
    name: "says 429",
    fault: { kind: "status", status: 429, headers: { "Retry-After": "7" } },
    manifest: 429,
    blob: 429,
    retryAfter: "7",
  },
  { name: "says 500", fault: { kind: "status", status: 500 }, manifest: 502, blob: 502 },
  { name: "says 503", fault: { kind: "status", status: 503 }, manifest: 502, blob: 502 },
  { name: "hangs", fault: { kind: "hang" }, manifest: 504, blob: 504 },
  { name: "answers with a page", fault: { kind: "html" }, manifest: 502, blob: 502 },
  { name: "sends other bytes", fault: { kind: "corrupt" }, manifest: 502, blob: "cut off" },
  {
    name: "cuts at the first byte",
    fault: { kind: "cut", atByte: 0 },
    manifest: 502,
    blob: "cut off",
  },
  {
    name: "cuts in the middle",
    fault: { kind: "cut", atByte: 100 },
    manifest: 502,
    blob: "cut off",
  },
];

describe("a mirror whose upstream", async () => {
  const pair = await startMirrorPair({ ttl: { tag: "0s", missing: "0s" }, idle: "300ms" });
  const { mirror, proxy } = pair;
  const get = (path: string) => mirror.api.get(path).buffer(true).parse(collect);

  for (const [index, { name, fault, ...expected }] of table.entries()) {
    test(`${name} answers with an error for uncached content, serves cached content, and recovers`, async () => {
      const [here, absent] = [`here${index}`, `absent${index}`];
      const cached = await pushUpstream(pair, `library/${here}`, "1", bulk(50_000, here));
      const other = await pushUpstream(pair, `library/${absent}`, "1", bulk(50_000, absent));
      await get(`/v2/${here}/manifests/1`).expect(200);
      await untilHere(mirror, `/v2/${here}/blobs/${cached.layer}`);
      proxy.fail(fault);

      const manifest = await get(`/v2/${absent}/manifests/1`);
      assert.equal(manifest.status, expected.manifest);
      if (expected.retryAfter !== undefined)
        assert.equal(manifest.headers["retry-after"], expected.retryAfter);
      const blob = await get(`/v2/${absent}/blobs/${other.layer}`).catch((error: Error) => error);
      if (blob instanceof Error) assert.equal(expected.blob, "cut off", blob.message);
      else assert.equal(blob.status, expected.blob === "cut off" ? 502 : expected.blob);

      const stale = await get(`/v2/${here}/manifests/1`).expect(200);
      assert.equal(Buffer.compare(stale.body, cached.manifest), 0);
      // The mirror checks the tag with HEAD. Its answer has no body that the proxy could change or cut.
      if (fault.kind !== "corrupt" && fault.kind !== "cut") {
        const status = stale.headers["cache-status"] ?? "";
        assert.match(status, /^Berth; hit; ttl=-\d+; detail=[a-z0-9-]+$/);
        assert.equal(stale.headers["warning"], '299 - "upstream unreachable, cached copy"');
      }
      const layer = await get(`/v2/${here}/blobs/${cached.layer}`).expect(200);
      assert.equal(Buffer.compare(layer.body, cached.layerBytes), 0);

      proxy.fail(undefined);
      // The restart closes the circuit breaker and forgets `Retry-After`.
      await mirror.restart();
      const good = await get(`/v2/${absent}/manifests/1`).expect(200);
      assert.equal(Buffer.compare(good.body, other.manifest), 0);
      const bytes = await get(`/v2/${absent}/blobs/${other.layer}`).expect(200);
      assert.equal(Buffer.compare(bytes.body, other.layerBytes), 0);
    });
  }

  test("cuts the connection at any byte resumes the download there, and the client receives all bytes", async () => {
    const size = 200_000;
    const cuts = [0, 1, 2, 511, 4_096, 16_384, 65_535, 65_536, 65_537, 131_072, size - 2, size - 1];
    for (const atByte of cuts) {
      const image = await pushUpstream(pair, "library/cuts", "1", bulk(size, `cut at ${atByte}`));
      const gate = newGate();
      proxy.reset();
      proxy.fail({ kind: "cut", atByte, when: gate.until }, /\/blobs\//, 1);
      const client = await openClient(mirror.port, `/v2/cuts/blobs/${image.layer}`);
      await client.read(atByte);
      gate.open();
      assert.equal(Buffer.compare(await client.readAll(), image.layerBytes), 0);
      const ranges = proxy.seen.map(({ headers }) => headers.range);
      assert.deepEqual(ranges, [undefined, atByte === 0 ? undefined : `bytes=${atByte}-`]);
    }
  });

  test("fails 5 times answers 503 without a request upstream, and asks again after a while", async () => {
    await mirror.restart();
    proxy.reset();
    proxy.fail({ kind: "status", status: 500 });
    for (let request = 0; request < 8; request += 1) await mirror.api.get("/v2/rest/manifests/1");
    assert.equal(proxy.count("GET"), 5);
    const refused = await mirror.api.get("/v2/rest/manifests/1").expect(503);
    assert.match(String(refused.headers["retry-after"]), /^\d+$/);
    proxy.fail(undefined);
    await waitUntil("it is asked again", async () => {
      const { status } = await mirror.api.get("/v2/rest/manifests/1");
      return status === 404;
    });
  });

  test("redirects a blob to another host does not send its credential to that host", async (t) => {
    const credential = { username: "mia", password: "secret" };
    const settings = mirrorSettings(proxy.url, { ...credential, prefetch: 0 });
    const mirror = await startBerth(newFolder(), settings);
    t.after(() => mirror.close());
    proxy.reset();
    const elsewhere = await startFaultyProxy(pair.upstream.port);
    t.after(() => elsewhere.close());
    const image = await pushUpstream(pair, "library/moved", "1", bulk(10_000, "moved"));
    proxy.fail(
      { kind: "status", status: 401, headers: { "WWW-Authenticate": 'Basic realm="here"' } },
      /manifests/,
      1,
    );
    await mirror.api.get("/v2/moved/manifests/1").expect(200);
    proxy.fail({ kind: "redirect", to: elsewhere.url }, /\/blobs\//);
    await mirror.api.get(`/v2/moved/blobs/${image.layer}`).expect(200);
    const [, second, third] = proxy.seen;
    assert.match(second?.headers.authorization ?? "", /^Basic /);
    assert.match(third?.headers.authorization ?? "", /^Basic /);
    assert.equal(elsewhere.seen.length, 1);
    assert.equal(elsewhere.seen[0]?.headers.authorization, undefined);
    proxy.fail(undefined);
  });

  test("has a loopback address answers 502 and does not connect to it while allowPrivateNetwork is false", async (t) => {
    const victim = await startFaultyProxy(1);
    t.after(() => victim.close());
    for (const host of ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"]) {
      const settings = mirrorSettings(`http://${host}:${victim.port}`, {
        allowPrivateNetwork: false,
      });
      const mirror = await startBerth(newFolder(), settings);
      t.after(() => mirror.close());
      await mirror.api.get("/v2/any/manifests/1").expect(502);
    }
    assert.equal(victim.counts.size, 0);
  });
});
