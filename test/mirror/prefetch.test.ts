import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushBlob, putManifest } from "../support/berth.ts";
import { waitUntil } from "../support/wait.ts";
import { bulk, startMirrorPair, untilHere, type MirrorPair } from "./support.ts";

const image = "application/vnd.oci.image.manifest.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

/** Pushes an image of six layers to the upstream and pulls its manifest through the mirror. */
async function publish(
  { upstream, mirror }: MirrorPair,
  name: string,
): Promise<{ readonly config: string; readonly layers: readonly string[] }> {
  const text = JSON.stringify({ os: "linux", architecture: "amd64", name });
  const config = await pushBlob(upstream, `library/${name}`, text);
  const layers = [];
  for (let number = 0; number < 6; number += 1) {
    const bytes = bulk(20_000, `${name} ${number}`);
    const digest = await pushBlob(upstream, `library/${name}`, bytes);
    layers.push({ mediaType: layerType, digest, size: bytes.length });
  }
  const manifest = {
    ...{ schemaVersion: 2, mediaType: image, layers },
    config: {
      ...{ mediaType: "application/vnd.oci.image.config.v1+json", digest: config },
      size: text.length,
    },
  };
  await putManifest(upstream, `library/${name}`, "1", manifest).expect(201);
  await mirror.api.get(`/v2/${name}/manifests/1`).expect(200);
  return { config, layers: layers.map(({ digest }) => digest) };
}

describe("the prefetch of a mirror", async () => {
  const pair = await startMirrorPair();
  const { mirror, proxy } = pair;
  const asked = (layers: readonly string[]): readonly number[] =>
    layers.map((digest) => proxy.count("GET", new RegExp(`/blobs/${digest}$`)));
  const untilAsked = (digest = ""): Promise<void> =>
    waitUntil(`${digest} is asked for`, () => asked([digest])[0] !== 0);

  test("downloads the next three layers once each, and none before the client requests a layer", async () => {
    const { layers } = await publish(pair, "ahead");
    assert.deepEqual(asked(layers), [0, 0, 0, 0, 0, 0]);
    const [first = "", second = "", , , fifth = ""] = layers;
    await mirror.api.get(`/v2/ahead/blobs/${first}`).expect(200);
    await untilAsked(layers[3]);
    for (const digest of layers.slice(0, 4)) await untilHere(mirror, `/v2/ahead/blobs/${digest}`);
    assert.deepEqual(asked(layers), [1, 1, 1, 1, 0, 0]);
    await mirror.api.get(`/v2/ahead/blobs/${second}`).expect(200);
    await mirror.api.get(`/v2/ahead/blobs/${fifth}`).expect(200);
    await untilAsked(layers[5]);
    assert.deepEqual(asked(layers), [1, 1, 1, 1, 1, 1]);
  });

  test("downloads the config once, together with the manifest", async () => {
    const { config } = await publish(pair, "configured");
    await untilAsked(config);
    await mirror.api.get(`/v2/configured/blobs/${config}`).expect(200);
    await untilHere(mirror, `/v2/configured/blobs/${config}`);
    assert.deepEqual(asked([config]), [1]);
  });

  test("does not affect the requested layer when it fails", async () => {
    const { layers } = await publish(pair, "failing");
    const [first = "", second = ""] = layers;
    proxy.fail({ kind: "status", status: 500 }, new RegExp(`/blobs/${second}$`));
    await mirror.api.get(`/v2/failing/blobs/${first}`).expect(200);
    await untilAsked(second);
    await untilHere(mirror, `/v2/failing/blobs/${first}`);
    proxy.fail(undefined);
    await mirror.api.get(`/v2/failing/blobs/${second}`).expect(200);
  });

  test("downloads no other layer with prefetch: 0", async () => {
    const other = await startMirrorPair({ prefetch: 0 });
    const { layers } = await publish(other, "alone");
    // A prefetch for the first layer would reach the upstream before the last layer is stored.
    for (const digest of [layers[0], layers[5]]) {
      await other.mirror.api.get(`/v2/alone/blobs/${digest}`).expect(200);
      await untilHere(other.mirror, `/v2/alone/blobs/${digest}`);
    }
    assert.equal(other.proxy.count("GET", /\/blobs\//), 2);
  });
});
