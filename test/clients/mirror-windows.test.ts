import assert from "node:assert/strict";
import { test } from "node:test";
import { startContainerd } from "./support/containerd.ts";
import { startForeignServer } from "./support/foreign-server.ts";
import { openMirrorStage } from "./support/mirror-stage.ts";
import { createPlatformIndex } from "./support/platform-index.ts";
import { offerForeign, seed } from "./support/seeding.ts";

/*
 * A mirror with foreignLayerHosts also downloads the base layers of Windows images, which are on another host. So a
 * Windows host that can reach only Berth gets all bytes of an image.
 */

const elsewhere = await startForeignServer();
const index = createPlatformIndex("oci", elsewhere.url);
offerForeign(elsewhere, index);
const { berth, hub, front, stopHub } = await openMirrorStage([new URL(elsewhere.url).host]);
await seed(hub, "library/alpine", "3.20", index);
const { ctr, hostsFor } = await startContainerd();
const hosts = hostsFor("docker.io", berth.host);

test("berth mirror warm downloads all platforms, and foreign layers from their own host, once each", async () => {
  const said = await berth.administer(["mirror", "warm", "docker.io/library/alpine:3.20"]);
  assert.match(said, /1 tags; new: \d+ manifests, \d+ blobs/);
  for (const { descriptor, bytes } of index.foreign) {
    const found = await berth.blob("docker.io/library/alpine", descriptor.digest);
    assert.ok(found.status === 200 && found.bytes.equals(bytes));
  }
  assert.equal(elsewhere.askedBy.length, index.foreign.length);
  const gets = [...front.counts].filter(([key]) => key.startsWith("GET "));
  assert.ok(gets.length >= index.blobs.length, `only ${gets.length} objects`);
  assert.deepEqual(
    gets.filter(([, count]) => count > 1),
    [],
  );
});

test("containerd pulls foreign layers from Berth when their own host no longer has them", async () => {
  await stopHub();
  elsewhere.empty();
  const image = "docker.io/library/alpine:3.20";
  await ctr("content", "fetch", "--all-platforms", "--hosts-dir", hosts, image);
  for (const { descriptor, bytes } of [index.root, ...index.children, ...index.foreign]) {
    const content = await ctr("content", "get", descriptor.digest);
    assert.ok(content.bytes.equals(bytes), `${descriptor.digest} came with other bytes`);
  }
});

test("a mirror serves all manifests and layers, also foreign ones, when all other hosts are down", async () => {
  // This test sends plain requests, as docker on Windows does. containerd tries the URLs of the layers first, and fails
  // when it can't connect to them.
  elsewhere.stop();
  const { root, children, blobs, foreign } = index;
  for (const { descriptor, bytes } of [...blobs, ...foreign]) {
    const found = await berth.blob("library/alpine", descriptor.digest);
    assert.ok(found.status === 200 && found.bytes.equals(bytes), descriptor.digest);
  }
  for (const { descriptor, bytes } of [root, ...children]) {
    const found = await berth.manifest("library/alpine", descriptor.digest);
    assert.ok(found.status === 200 && found.bytes.equals(bytes), descriptor.digest);
  }
});
