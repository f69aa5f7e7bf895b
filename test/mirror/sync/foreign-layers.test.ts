import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { digestOf } from "../../../src/oci/digest.ts";
import { collect, pushBlob, putManifest, startBerth } from "../../support/berth.ts";
import {
  bulk,
  mirrorSettings,
  newFolder,
  startForeignUpstream,
  startMirrorPair,
  startScriptedUpstream,
  untilHere,
} from "../support.ts";

test("a foreign layer that another repository of the mirror has is fetched again from its own URL", async () => {
  const text = "a base layer of two images";
  const upstream = await startForeignUpstream(() => text);
  const mirror = await startBerth(newFolder(), upstream.settings);
  after(() => mirror.close());
  for (const repository of ["one", "two"]) {
    await mirror.api.get(`/v2/${repository}/manifests/1`).expect(200);
    const path = `/v2/${repository}/blobs/${digestOf(Buffer.from(text))}`;
    const { body } = await mirror.api.get(path).buffer(true).parse(collect).expect(200);
    assert.equal(String(body), text);
    await untilHere(mirror, path);
  }
});

describe("foreign layers of a Windows image", async () => {
  const bytes = Buffer.from(bulk(100_000, "foreign"));
  const digest = digestOf(bytes);
  let requests = 0;
  const host = createServer((_, response) => {
    requests += 1;
    response.end(bytes);
  });
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve));
  const { port } = host.address() as AddressInfo;
  const forbidden = await startScriptedUpstream((_, response) => response.end(bytes));
  const pair = await startMirrorPair({ foreignLayerHosts: [`127.0.0.1:${port}`] });
  after(() => host.close());
  const config = await pushBlob(
    pair.upstream,
    "windows/base",
    '{"os":"windows","architecture":"amd64"}',
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    config: {
      mediaType: "application/vnd.docker.container.image.v1+json",
      digest: config,
      size: 39,
    },
    layers: [
      {
        mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        digest,
        size: bytes.length,
        urls: [`${forbidden.url}/elsewhere`, `http://127.0.0.1:${port}/layer`],
      },
    ],
  };
  const type = manifest.mediaType;
  await putManifest(pair.upstream, "windows/base", "1", manifest, type).expect(201);
  const blob = `/v2/windows/base/blobs/${digest}`;

  test("are downloaded once, only from foreignLayerHosts, and served from the cache when the host is down", async () => {
    await pair.mirror.api.get("/v2/windows/base/manifests/1").expect(200);
    const got = await pair.mirror.api.get(blob).buffer(true).parse(collect).expect(200);
    assert.equal(Buffer.compare(got.body, bytes), 0);
    await untilHere(pair.mirror, blob);
    assert.equal(requests, 1);
    assert.deepEqual(forbidden.seen, [], "a host that is not listed is not asked");
    host.closeAllConnections();
    host.close();
    await pair.mirror.api.get(blob).expect(200);
  });

  test("are answered with 404 by a mirror without foreignLayerHosts", async () => {
    const other = await startBerth(newFolder(), mirrorSettings(pair.proxy.url));
    await other.api.get("/v2/windows/base/manifests/1").expect(200);
    await other.api.get(blob).expect(404);
    await other.close();
  });
});
