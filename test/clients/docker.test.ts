import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal } from "./support/command.ts";
import { startDockerd } from "./support/dockerd.ts";
import { busyboxFiles, greeting, windowsVersions } from "./support/platform-index.ts";
import { digestOf, parseManifest } from "./support/registry-reader.ts";
import { assertHolds, seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";
import { createTarball } from "./support/tarball.ts";

const { berth, folder, indexes, foreignServer } = await openStage("docker");
const docker = await startDockerd("dockerd");
const image = `${berth.host}/docker/hello:1`;

/** Pushes an image. Resolves with docker's output and the digest in it. */
async function push(reference: string): Promise<{ said: string; digest: string }> {
  const { stdout } = await docker("push", reference);
  return { said: stdout, digest: /digest: (sha256:\w+)/.exec(stdout)?.[1] ?? "" };
}

test("docker pushes an imported image, pulls it again and runs it", async () => {
  const rootfs = path.join(folder, "rootfs.tar");
  const greetingFile = { path: "greeting", content: "hello from docker\n" };
  writeFileSync(rootfs, createTarball([...busyboxFiles(), greetingFile]));
  await docker("import", "--change", 'CMD ["/bin/cat", "/greeting"]', rootfs, image);
  const { said, digest } = await push(image);
  assert.match(said, /: Pushed/);
  const stored = await berth.manifest("docker/hello", "1");
  assert.equal(stored.digest, digest);
  assert.equal(digestOf(stored.bytes), digest);
  assert.equal(stored.mediaType, "application/vnd.docker.distribution.manifest.v2+json");

  await docker("rmi", image);
  const pulled = await docker("pull", image);
  assert.ok(pulled.stdout.includes(`Digest: ${digest}`));
  assert.match(pulled.stdout, /Pull complete/);
  const ran = await docker("run", "--rm", "--network", "none", image);
  assert.equal(ran.stdout, "hello from docker\n");
});

test("docker push of a second image reports that the shared layer exists", async () => {
  const container = (await docker("create", "--network", "none", image)).stdout.trim();
  const more = path.join(folder, "more");
  writeFileSync(more, "one layer more\n");
  await docker("cp", more, `${container}:/more`);
  const second = `${berth.host}/docker/hello:2`;
  await docker("commit", container, second);
  await docker("rm", container);
  const { said } = await push(second);
  assert.match(said, /: Layer already exists/);
  assert.match(said, /: Pushed/);
  assert.deepEqual(await berth.tags("docker/hello"), ["1", "2"]);
});

test("berth import docker-archive makes an image of docker save that docker pulls and runs", async () => {
  const archive = path.join(folder, "saved.tar");
  const name = `${berth.host}/docker/saved:1`;
  await docker("tag", image, name);
  await docker("save", "-o", archive, name);
  await docker("rmi", name, image);
  const imported = await berth.administer(["import", "docker-archive", archive]);
  assert.match(imported, /^imported 1 tags, 1 manifests/m);
  await docker("pull", name);
  const ran = await docker("run", "--rm", "--network", "none", name);
  assert.equal(ran.stdout, "hello from docker\n");
  await docker("pull", image);
});

test("docker push to another repository mounts the layers from the first", async () => {
  const other = `${berth.host}/docker/other:1`;
  await docker("tag", image, other);
  const { said, digest } = await push(other);
  assert.match(said, /: Mounted from docker\/hello/);
  assert.equal((await berth.manifest("docker/other", "1")).digest, digest);
});

test("docker pulls an image by digest, and all tags of a repository", async () => {
  const { digest } = await berth.manifest("docker/hello", "2");
  await docker("pull", `${berth.host}/docker/hello@${digest}`);
  const { stdout } = await docker("pull", "--all-tags", `${berth.host}/docker/hello`);
  for (const tag of ["1", "2"]) assert.match(stdout, new RegExp(`^${tag}: Pulling from`, "m"));
});

for (const form of forms) {
  const multi = `${berth.host}/docker/${form}:multi`;

  test(`docker pull selects its own platform from the ${form} index, and another one with --platform`, async () => {
    await seed(berth, `docker/${form}`, "multi", indexes[form]);
    await docker("pull", multi);
    assert.equal((await docker("run", "--rm", "--network", "none", multi)).stdout, greeting);
    await docker("pull", "--platform", "linux/arm64/v8", multi);
    const inspect = ["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}/{{.Variant}}"];
    assert.equal((await docker(...inspect, multi)).stdout.trim(), "linux/arm64/v8");
    assert.match(
      await refusal(docker("pull", "--platform", "windows/amd64", multi)),
      /"windows" cannot be used on this platform/,
    );
  });
}

// Debian's `docker manifest inspect` does not accept OCI indexes, so that this test uses only the docker form.
test("docker manifest inspect shows the list in the order of the push", async () => {
  const multi = `${berth.host}/docker/docker:multi`;
  const { stdout } = await docker("manifest", "inspect", "--insecure", multi);
  const { manifests = [] } = parseManifest(Buffer.from(stdout));
  const summary = manifests.map(({ digest, platform }) => [digest, platform?.["os.version"]]);
  assert.deepEqual(
    summary,
    indexes.docker.children.map(({ descriptor: { digest, platform } }) => [
      digest,
      platform?.["os.version"],
    ]),
  );
});

test("docker manifest create and push store a list of Linux and Windows images from other repositories", async () => {
  const list = `${berth.host}/docker/list:1`;
  const children = [0, 1, 4].map((position) => indexes.docker.children[position]);
  const references = children.map(
    (child) => `${berth.host}/docker/docker@${child?.descriptor.digest}`,
  );
  references.push(`${berth.host}/docker/hello:1`);
  await docker("manifest", "create", "--insecure", list, ...references);
  const { stdout } = await docker("manifest", "push", "--insecure", list);
  const digest = /sha256:[0-9a-f]{64}\s*$/.exec(stdout)?.[0].trim();
  const stored = await berth.manifest("docker/list", "1");
  assert.equal(stored.digest, digest);
  const { manifests = [] } = parseManifest(stored.bytes);
  assert.deepEqual(
    manifests
      .map((child) => child.platform?.["os.version"])
      .filter(Boolean)
      .toSorted(),
    [windowsVersions[0], windowsVersions[2]].toSorted(),
  );
  for (const child of manifests) {
    const body = await berth.manifest("docker/list", child.digest);
    assert.equal(digestOf(body.bytes), child.digest);
  }
  await docker("pull", list);
});

test("docker pull of a deleted image reports manifest unknown", async () => {
  const { digest } = await berth.manifest("docker/other", "1");
  const deleted = await berth.request(`/v2/docker/other/manifests/${digest}`, { method: "DELETE" });
  assert.equal(deleted.status, 202);
  const answer = await refusal(docker("pull", `${berth.host}/docker/other:1`));
  assert.match(answer, /manifest for \S+ not found: manifest unknown/);
  await docker("pull", image);
});

test("docker changes no seeded image and requests no foreign layer", async () => {
  for (const form of forms) await assertHolds(berth, `docker/${form}`, "multi", indexes[form]);
  assert.deepEqual(foreignServer.askedBy, []);
});
