import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { startDistribution } from "../support/distribution.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { startBerth } from "./support/berth.ts";
import { tool } from "./support/command.ts";
import { startContainerd } from "./support/containerd.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd } from "./support/dockerd.ts";
import { startForeignServer } from "./support/foreign-server.ts";
import { createPlatformIndex, greeting } from "./support/platform-index.ts";
import { createRegistryReader } from "./support/registry-reader.ts";
import { atEnd, createScratch } from "./support/scratch.ts";
import { offerForeign, seed } from "./support/seeding.ts";

/*
 * Docker Hub can't be reached from a test. In its place stands distribution, behind a front that counts; every client asks
 * for names of Docker Hub, and only through Berth can they come to anything.
 */

const folder = createScratch("mirror");
const upstream = await startDistribution(path.join(folder, "upstream"));
atEnd(() => upstream.stop());
const front = await startFaultyProxy(upstream.port);
atEnd(() => front.close());
const elsewhere = await startForeignServer();
const index = createPlatformIndex("oci", elsewhere.url);
offerForeign(elsewhere, index);
await seed(createRegistryReader(`127.0.0.1:${upstream.port}`), "library/alpine", "3.20", index);

const berth = await startBerth({
  settings: {
    BERTH_MIRRORS: JSON.stringify([
      {
        ...{ namespace: "docker.io", upstream: front.url, root: true, visibility: "public" },
        // Every pull asks whether the tag has moved.
        ...{ allowPrivateNetwork: true, ttl: { tag: "0s" }, idle: "2s" },
        hydrate: [new URL(elsewhere.url).host],
      },
    ]),
  },
});
const mirrors = { "registry-mirrors": [`http://${berth.host}`] };
const docker = await startDockerd("dockerd", mirrors);
const newer = await startDockerd("dockerd-containerd-store", mirrors);
const { ctr, hostsFor } = await startContainerd();
const hosts = hostsFor("docker.io", berth.host);
const env = writeContainersSettings(folder);
appendFileSync(
  env["CONTAINERS_REGISTRIES_CONF"] ?? "",
  `[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${berth.host}/docker.io"\ninsecure = true\n`,
);
const podman = tool("podman", { cwd: folder, env });
const skopeo = tool("skopeo", { cwd: folder, env: { ...env, _CONTAINERS_ROOTLESS_UID: "65534" } });
const crane = tool("crane", { cwd: folder, env: { HOME: folder } }, ["--insecure"]);
const prefixed = `${berth.host}/docker.io/library/alpine:3.20`;
let round = 0;

/** Each of them takes the image to where it is not yet, and shows that it is right. */
const pulls: Readonly<Record<string, () => Promise<void>>> = {
  "docker, by registry-mirrors": async () => {
    await docker("pull", "alpine:3.20");
    const ran = await docker("run", "--rm", "--network", "none", "alpine:3.20");
    assert.equal(ran.stdout, greeting);
    await docker("rmi", "alpine:3.20");
  },
  "docker with containerd's store, by registry-mirrors": async () => {
    await newer("pull", "alpine:3.20");
    const inspected = await newer("image", "inspect", "--format", "{{.Os}}", "alpine:3.20");
    assert.equal(inspected.stdout.trim(), "linux");
    await newer("rmi", "alpine:3.20");
  },
  "docker, by the host's name alone": async () => {
    await docker("pull", `${berth.host}/alpine:3.20`);
    await docker("rmi", `${berth.host}/alpine:3.20`);
  },
  "containerd, by hosts.toml and ns": async () => {
    const image = "docker.io/library/alpine:3.20";
    const namespace = ["--namespace", `mirror-${round}`];
    await ctr(...namespace, "images", "pull", "--hosts-dir", hosts, image);
    const ran = await ctr(...namespace, "run", "--rm", image, `greeter-${round}`);
    assert.equal(ran.stdout, greeting);
  },
  "podman, by a mirror in registries.conf": async () => {
    await podman("pull", "docker.io/library/alpine:3.20");
    const ran = await podman("run", "--rm", "docker.io/library/alpine:3.20");
    assert.equal(ran.stdout, greeting);
    await podman("rmi", "docker.io/library/alpine:3.20");
  },
  "skopeo, by prefix": async () => {
    const target = path.join(folder, `skopeo-${round}`);
    await skopeo("copy", `docker://${prefixed}`, `dir:${target}`);
  },
  "crane, by prefix": async () => {
    const { stdout } = await crane("digest", prefixed);
    assert.equal(stdout.trim(), index.root.descriptor.digest);
    await crane("pull", "--platform", "linux/amd64", prefixed, path.join(folder, `${round}.tar`));
  },
};

for (const [name, pull] of Object.entries(pulls)) {
  test(`a name of Docker Hub comes through Berth: ${name}`, pull);
}

test("berth mirror warm brings all platforms, Windows' foreign layers from their own host", async () => {
  const said = await berth.administer(["mirror", "warm", "docker.io/library/alpine:3.20"]);
  assert.match(said, /1 tags; new: \d+ manifests, \d+ blobs/);
  assert.equal(elsewhere.askedBy.length, index.foreign.length);
  for (const { descriptor, bytes } of index.foreign) {
    const found = await berth.blob("docker.io/library/alpine", descriptor.digest);
    assert.ok(found.status === 200 && found.bytes.equals(bytes));
  }
  assert.equal(elsewhere.askedBy.length, index.foreign.length);
});

test("the upstream was asked once for each object, however many came", () => {
  const gets = [...front.counts].filter(([key]) => key.startsWith("GET "));
  assert.ok(gets.length >= index.blobs.length, `only ${gets.length} objects`);
  const often = gets.filter(([key, count]) => count > 1 && !key.includes("/tags/"));
  assert.deepEqual(often, []);
});

test("the upstream is gone, and the foreign layers from where they were", async () => {
  await upstream.stop();
  elsewhere.empty();
  round += 1;
});

for (const [name, pull] of Object.entries(pulls)) {
  test(`with the upstream down it comes from what Berth has: ${name}`, pull);
}

test("containerd takes the Windows layers from Berth where their own host has them no more", async () => {
  const namespace = ["--namespace", "isolated"];
  const image = "docker.io/library/alpine:3.20";
  await ctr(...namespace, "content", "fetch", "--all-platforms", "--hosts-dir", hosts, image);
  for (const { descriptor, bytes } of [index.root, ...index.children, ...index.foreign]) {
    const content = await ctr(...namespace, "content", "get", descriptor.digest);
    assert.ok(content.bytes.equals(bytes), `${descriptor.digest} came with other bytes`);
  }
});

test("whoever asks the registry first, as docker does on Windows, needs nobody else", async () => {
  // containerd asks the URLs first, and gives up when it can't connect to them.
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
