import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { after, describe, test } from "node:test";
import { mirrorSettings, newFolder, untilHere } from "../mirror/support.ts";
import { collect, startBerth } from "../support/berth.ts";
import { pushImage, startDistribution } from "../support/distribution.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { runHerd } from "../../bench/client/concurrent-clients.ts";

describe("a mirror of distribution", async () => {
  const upstream = await startDistribution(newFolder());
  const proxy = await startFaultyProxy(upstream.port);
  const mirror = await startBerth(
    newFolder(),
    mirrorSettings(proxy.url, { ttl: { tag: "0s" }, idle: "30s" }),
  );
  after(async () => {
    await mirror.close();
    await proxy.close();
    await upstream.stop();
  });
  const MB = 1_000_000;
  const clients = Number(process.env["BERTH_MIRROR_CLIENTS"] ?? 500);

  test(`serves ${clients} concurrent clients of one uncached image with one GET per object`, async (t) => {
    const layers = Array.from({ length: 4 }, () => randomBytes(MB));
    const image = await pushImage(upstream.url, "library/herd", "1", layers);
    proxy.reset();
    proxy.rate(20 * MB);
    const target = {
      port: mirror.port,
      name: "herd",
      tag: "1",
      blobs: image.digests,
      bytes: image.bytes,
    };
    const { failures, ms } = await runHerd(clients, target);
    t.diagnostic(`${clients} clients in ${Math.round(ms)} ms`);
    assert.deepEqual(failures, []);
    const gets = [...proxy.counts].filter(([key]) => key.startsWith("GET"));
    assert.deepEqual(
      gets.map(([, count]) => count),
      [1, 1, 1, 1, 1, 1],
    );
    proxy.rate(undefined);
  });

  test("serves cached images with a Warning header when the upstream is down, and 502 or 503 for others", async () => {
    const image = await pushImage(upstream.url, "library/kept", "1", [randomBytes(MB)]);
    await mirror.api.get("/v2/kept/manifests/1").expect(200);
    for (const digest of image.digests) await untilHere(mirror, `/v2/kept/blobs/${digest}`);
    await upstream.stop();
    for (const name of ["kept", "library/kept", "docker.io/library/kept"]) {
      const found = await mirror.api.get(`/v2/${name}/manifests/1`).buffer(true).parse(collect);
      assert.equal(found.status, 200);
      assert.equal(Buffer.compare(found.body, image.manifest), 0);
      assert.equal(found.headers["warning"], '299 - "upstream unreachable, cached copy"');
      for (const digest of image.digests)
        await mirror.api.get(`/v2/${name}/blobs/${digest}`).expect(200);
    }
    const { status } = await mirror.api.get("/v2/absent/manifests/1");
    assert.ok(status === 502 || status === 503, `an outage is answered ${status}`);
  });
});
