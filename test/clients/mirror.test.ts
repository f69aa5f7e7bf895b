import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { tool } from "./support/command.ts";
import { startContainerd } from "./support/containerd.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd, type Engine } from "./support/dockerd.ts";
import { startForeignServer } from "./support/foreign-server.ts";
import { openMirrorStage } from "./support/mirror-stage.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { createPlatformIndex, greeting, type Content } from "./support/platform-index.ts";
import { digestOf } from "./support/registry-reader.ts";
import { createScratch } from "./support/scratch.ts";
import { offerForeign, seed } from "./support/seeding.ts";

/*
 * Each client is configured for a mirror as its documentation says, and pulls an image of "Docker Hub", which is a
 * distribution registry: first while the Hub is up, and then again, without local images, while it is down.
 */
const foreignServer = await startForeignServer();
const index = createPlatformIndex("docker", foreignServer.url);
offerForeign(foreignServer, index);
const { berth, hub, front, stopHub } = await openMirrorStage([new URL(foreignServer.url).host]);
const folder = createScratch("mirror");
const at = (...parts: string[]): string => path.join(folder, ...parts);
const isBlob = /\/blobs\//;

/** Pushes an image that only one client pulls, so that its upstream requests can be counted. */
async function publish(name: string): Promise<string> {
  await seed(hub, `library/${name}`, "multi", index);
  return name;
}

/** Checks that the mirror requested each manifest once, and each blob once for all images together. */
function assertOnceEach(name: string): void {
  const gets = [...front.counts].filter(([key]) => key.startsWith("GET"));
  const manifests = gets.filter(([key]) => key.startsWith(`GET /v2/library/${name}/manifests/`));
  assert.ok(manifests.length >= 2, "the list, and an image of it");
  for (const [key, count] of manifests) assert.equal(count, 1, key);
  const blobs = gets.filter(([key]) => isBlob.test(key));
  for (const { descriptor } of index.blobs) {
    const found = blobs.filter(([key]) => key.endsWith(descriptor.digest));
    assert.ok(found.length <= 1 && (found[0]?.[1] ?? 1) === 1, `${descriptor.digest} came twice`);
  }
}

/** Pulls the image into an empty store and checks it. */
type Pull = () => Promise<void>;
const pulls = new Map<string, { readonly name: string; readonly pull: Pull }>();

const clients: Readonly<Record<string, (name: string) => Promise<Pull>>> = {
  "docker with registry-mirrors": (name) => engine("dockerd", name),
  "docker on the containerd store with registry-mirrors": (name) =>
    engine("dockerd-containerd-store", name),

  "containerd with certs.d/docker.io/hosts.toml": async (name) => {
    const { ctr } = await startContainerd();
    const hosts = at("certs.d");
    mkdirSync(path.join(hosts, "docker.io"), { recursive: true });
    writeFileSync(
      path.join(hosts, "docker.io", "hosts.toml"),
      `server = "https://registry-1.docker.io"\n[host."http://${berth.host}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
    const image = `docker.io/library/${name}:multi`;
    let pulled = 0;
    return async () => {
      // A new namespace has no content.
      const own = ["--namespace", `pull-${(pulled += 1)}`];
      await ctr(...own, "images", "pull", "--hosts-dir", hosts, image);
      const ran = await ctr(...own, "run", "--rm", image, `greeter-${pulled}`);
      assert.equal(ran.stdout, greeting);
    };
  },

  "podman with a mirror in registries.conf": async (name) => {
    // A socket path that is too long makes podman wait for 20 seconds.
    const home = createScratch("podman");
    const mirror = `[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${berth.host}/docker.io"\ninsecure = true\n`;
    const podman = tool("podman", { cwd: home, env: writeContainersSettings(home, mirror) });
    const image = `docker.io/library/${name}:multi`;
    return async () => {
      await podman("pull", image);
      assert.equal((await podman("run", "--rm", image)).stdout, greeting);
      await podman("rmi", image);
    };
  },

  "skopeo by prefix": async (name) => {
    const home = at("skopeo");
    mkdirSync(home);
    const env = { ...writeContainersSettings(home), _CONTAINERS_ROOTLESS_UID: "65534" };
    const skopeo = tool("skopeo", { cwd: home, env });
    let copied = 0;
    return async () => {
      const target = path.join(home, `copy-${(copied += 1)}`);
      const image = `docker://${berth.host}/docker.io/library/${name}:multi`;
      await skopeo("copy", image, `dir:${target}`);
      const linux = index.children[0] ?? assert.fail();
      assert.ok(readFileSync(path.join(target, "manifest.json")).equals(linux.bytes));
    };
  },

  "crane by prefix, Windows with its foreign layers": async (name) => {
    const crane = tool("crane", { env: { HOME: folder, DOCKER_CONFIG: folder } }, ["--insecure"]);
    let pulled = 0;
    return async () => {
      const layout = at(`layout-${(pulled += 1)}`);
      const image = `${berth.host}/docker.io/library/${name}:multi`;
      await crane("pull", "--format", "oci", image, layout);
      assertLayoutHolds(layout, index);
      for (const layer of index.foreign) assertInLayout(layout, layer);
    };
  },
};

async function engine(program: Engine, name: string): Promise<Pull> {
  const docker = await startDockerd(program, [`http://${berth.host}`]);
  const image = `${name}:multi`;
  return async () => {
    await docker("pull", image);
    const container = (await docker("create", "--network", "none", image)).stdout.trim();
    const archive = await docker("cp", `${container}:/greeting`, "-");
    assert.equal(archive.bytes.subarray(512).toString().replace(/\0+$/, ""), greeting);
    await docker("rm", container);
    await docker("rmi", image);
  };
}

function assertInLayout(layout: string, { descriptor: { digest } }: Content): void {
  const bytes = readFileSync(path.join(layout, "blobs", ...digest.split(":")));
  assert.equal(digestOf(bytes), digest);
}

describe("while the upstream is up", () => {
  for (const [client, prepare] of Object.entries(clients))
    test(`${client} pulls through the mirror, which requests each object once from the upstream`, async () => {
      const name = await publish(`image-${pulls.size}`);
      const pull = await prepare(name);
      await pull();
      assertOnceEach(name);
      const asked = front.count("GET", isBlob);
      await pull();
      assert.equal(front.count("GET", isBlob), asked, "the second pull brings no blob again");
      pulls.set(client, { name, pull });
    });
});

describe("while the upstream and the hosts of foreign layers are down", () => {
  for (const client of Object.keys(clients))
    test(`${client} pulls the image again from the mirror's cache`, async () => {
      await stopHub();
      foreignServer.stop();
      const { name, pull } = pulls.get(client) ?? assert.fail("it has never been pulled");
      await pull();
      const stale = await berth.request(`/v2/library/${name}/manifests/multi`);
      assert.equal(stale.headers.get("warning"), '299 - "upstream unreachable, cached copy"');
    });
});
