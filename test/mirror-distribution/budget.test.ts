import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { collect, startBerth } from "../support/berth.ts";
import { pushImage, startDistribution } from "../support/distribution.ts";
import { mirrorSettings, newFolder } from "../mirror/support.ts";

const MB = 1_000_000;
const budget = 100 * MB;
const layerBytes = 5 * MB;
const layersOfImage = 4;
const images = 50;

/** The bytes of all blobs and of all open uploads. */
function bytesBelow(data: string): number {
  return ["blobs", "uploads"]
    .flatMap((folder) => {
      const root = path.join(data, folder);
      return readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) =>
        path.join(root, name),
      );
    })
    .reduce((sum, file) => {
      const found = statSync(file, { throwIfNoEntry: false });
      return sum + (found?.isFile() === true ? found.size : 0);
    }, 0);
}

test("a mirror with cacheSize 100MB keeps at most 100 MB plus one image on disk during 1 GB of pulls", async (t) => {
  const upstream = await startDistribution(newFolder());
  const settings = mirrorSettings(upstream.url, { cacheSize: "100MB" });
  // With deleteDelay 0 evicted bytes are deleted at once, so that the folder contains what cacheSize counts.
  const mirror = await startBerth(newFolder(), { ...settings, "gc.deleteDelay": "0s" });
  after(async () => {
    await mirror.close();
    await upstream.stop();
  });
  // The layers of one image may be on disk twice for a moment: as upload and as blob.
  const inFlight = layersOfImage * layerBytes;
  let [pulled, most] = [0, 0];
  const watch = setInterval(() => {
    most = Math.max(most, bytesBelow(mirror.data));
  }, 20);
  for (let number = 0; number < images; number += 1) {
    const name = `library/image-${number}`;
    const layers = Array.from({ length: layersOfImage }, () => randomBytes(layerBytes));
    const { digests, bytes } = await pushImage(upstream.url, name, "1", layers);
    await mirror.api.get(`/v2/${name}/manifests/1`).expect(200);
    const found = await Promise.all(
      digests.map((digest) =>
        mirror.api.get(`/v2/${name}/blobs/${digest}`).buffer(true).parse(collect).expect(200),
      ),
    );
    assert.equal(
      found.reduce((sum, { body }) => sum + (body as Buffer).length, 0),
      bytes,
    );
    pulled += bytes;
  }
  clearInterval(watch);
  most = Math.max(most, bytesBelow(mirror.data));
  t.diagnostic(`${pulled} bytes were pulled; never more than ${most} lay on the disk`);
  assert.ok(pulled >= 1000 * MB);
  assert.ok(most > budget / 2, "the budget was not even used");
  assert.ok(most <= budget + inFlight, `${most} bytes`);
});
