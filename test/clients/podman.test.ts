import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal, tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { busyboxFiles, greeting } from "./support/platform-index.ts";
import { digestOf, parseManifest, type Descriptor } from "./support/registry-reader.ts";
import { seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";
import { createTarball } from "./support/tarball.ts";

const { berth, folder, indexes, foreignServer } = await openStage("podman");
const podman = tool("podman", { cwd: folder, env: writeContainersSettings(folder) });
const rootfs = path.join(folder, "rootfs.tar");
writeFileSync(
  rootfs,
  createTarball([...busyboxFiles(), { path: "greeting", content: "hello from podman\n" }]),
);
const image = `${berth.host}/podman/hello:1`;
const digestFile = path.join(folder, "digest");

/** Pushes with `options` and resolves with the digest that podman reports. */
async function push(reference: string, ...options: string[]): Promise<string> {
  await podman("push", ...options, "--digestfile", digestFile, reference);
  return readFileSync(digestFile, "utf8").trim();
}

test("podman pushes an imported image, pulls it again and runs it", async () => {
  await podman("import", "--change", 'CMD ["/bin/cat", "/greeting"]', rootfs, image);
  const digest = await push(image);
  const stored = await berth.manifest("podman/hello", "1");
  assert.equal(stored.digest, digest);
  assert.equal(digestOf(stored.bytes), digest);

  await podman("rmi", image);
  await podman("pull", image);
  assert.equal((await podman("run", "--rm", image)).stdout, "hello from podman\n");
});

test("podman push to another repository stores the same layer", async () => {
  const again = `${berth.host}/podman/again:1`;
  await podman("tag", image, again);
  await push(again);
  const layer = parseManifest((await berth.manifest("podman/again", "1")).bytes).layers?.[0];
  const first = parseManifest((await berth.manifest("podman/hello", "1")).bytes).layers?.[0];
  assert.equal(layer?.digest, first?.digest);
});

test("podman push stores an image with the docker and with the OCI media type", async () => {
  const types = {
    v2s2: "application/vnd.docker.distribution.manifest.v2+json",
    oci: "application/vnd.oci.image.manifest.v1+json",
  };
  for (const format of ["v2s2", "oci"] as const) {
    const reference = `${berth.host}/podman/${format}:1`;
    await podman("tag", image, reference);
    const digest = await push(reference, "--format", format);
    const stored = await berth.manifest(`podman/${format}`, digest);
    assert.equal(stored.mediaType, types[format]);
  }
});

for (const form of forms) {
  test(`podman pull selects its own platform from the ${form} index, and another one with --platform`, async () => {
    const multi = `${berth.host}/podman/${form}:multi`;
    await seed(berth, `podman/${form}`, "multi", indexes[form]);
    await podman("pull", multi);
    assert.equal((await podman("run", "--rm", multi)).stdout, greeting);

    await podman("pull", "--platform", "linux/arm64/v8", multi);
    const inspected = await podman("image", "inspect", "--format", "{{.Architecture}}", multi);
    assert.equal(inspected.stdout.trim(), "arm64");
    const digests = await podman("image", "inspect", "--format", "{{.RepoDigests}}", multi);
    assert.ok(digests.stdout.includes(indexes[form].children[2]?.descriptor.digest ?? ""));
  });
}

test("podman manifest push --all stores an index with its Linux and Windows images", async () => {
  const list = "localhost/list";
  await podman("manifest", "create", list);
  const sources = [0, 1, 4].map((position) => indexes.oci.children[position]?.descriptor.digest);
  for (const digest of sources) {
    await podman("manifest", "add", list, `docker://${berth.host}/podman/oci@${digest}`);
  }
  const target = `docker://${berth.host}/podman/list:1`;
  await podman("manifest", "push", "--all", "--digestfile", digestFile, list, target);

  const stored = await berth.manifest("podman/list", "1");
  assert.equal(stored.digest, readFileSync(digestFile, "utf8").trim());
  const { manifests = [] } = parseManifest(stored.bytes);
  assert.deepEqual(
    manifests.map(({ platform }) => platform?.os),
    ["linux", "windows", "windows"],
  );
  for (const { digest } of manifests) {
    const child = await berth.manifest("podman/list", digest);
    assert.equal(digestOf(child.bytes), digest);
    await assertLayersAre(parseManifest(child.bytes).layers ?? []);
  }
});

/** Checks that the registry has all layers except those with `urls`. */
async function assertLayersAre(layers: Descriptor[]): Promise<void> {
  for (const { digest, urls } of layers) {
    const blob = await berth.blob("podman/list", digest);
    assert.equal(blob.status, urls === undefined ? 200 : 404);
  }
}

test("podman manifest inspect reads the index from the registry", async () => {
  const { stdout } = await podman("manifest", "inspect", `${berth.host}/podman/oci:multi`);
  const { manifests = [] } = parseManifest(Buffer.from(stdout));
  assert.deepEqual(
    manifests.map(({ digest }) => digest),
    indexes.oci.children.map(({ descriptor }) => descriptor.digest),
  );
});

test("podman search --list-tags lists the tags", async () => {
  const { stdout } = await podman("search", "--list-tags", `${berth.host}/podman/oci`);
  const rows = stdout.trim().split("\n").slice(1);
  assert.deepEqual(
    rows.map((row) => row.split(/\s+/)[1]),
    ["1", "multi"],
  );
});

test("podman pull of a missing tag reports manifest unknown", async () => {
  const answer = await refusal(podman("pull", `${berth.host}/podman/hello:missing`));
  assert.match(answer, /manifest unknown/);
});

test("podman never requests a foreign layer", () => {
  assert.deepEqual(foreignServer.askedBy, []);
});
