import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal } from "./support/command.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createLayoutArchive } from "./support/oci-layout.ts";
import { busyboxFiles, greeting } from "./support/platform-index.ts";
import { digestOf } from "./support/registry-reader.ts";
import { assertHolds, assertManifest, seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";
import { createTarball } from "./support/tarball.ts";

const { berth, folder, indexes, foreignServer } = await openStage("docker");
const docker = await startDockerd("dockerd-containerd-store");

const image = `${berth.host}/docker/hello:1`;

/** Pushes an image. Resolves with docker's output and the digest in it. */
async function push(reference: string): Promise<{ said: string; digest: string }> {
  const { stdout } = await docker("push", reference);
  return { said: stdout, digest: /digest: (sha256:\w+)/.exec(stdout)?.[1] ?? "" };
}

/** Reads a file of an image without running it, because this engine needs a newer runc than Debian's. */
async function read(reference: string, file: string): Promise<string> {
  const container = (await docker("create", "--network", "none", reference)).stdout.trim();
  const archive = await docker("cp", `${container}:${file}`, "-");
  await docker("rm", container);
  return archive.bytes.subarray(512).toString().replace(/\0+$/, "");
}

test("docker on the containerd store pushes, removes and pulls an imported image", async () => {
  const rootfs = path.join(folder, "rootfs.tar");
  const greetingFile = { path: "greeting", content: "hello from docker\n" };
  writeFileSync(rootfs, createTarball([...busyboxFiles(), greetingFile]));
  await docker("import", "--change", 'CMD ["/bin/cat", "/greeting"]', rootfs, image);
  const { said, digest } = await push(image);
  assert.match(said, /: Pushed/);
  const stored = await berth.manifest("docker/hello", "1");
  assert.equal(stored.digest, digest);
  assert.equal(digestOf(stored.bytes), digest);

  await docker("rmi", image);
  const pulled = await docker("pull", image);
  assert.ok(pulled.stdout.includes(`Digest: ${digest}`));
  assert.equal(await read(image, "/greeting"), "hello from docker\n");
});

test("docker on the containerd store mounts layers, and reports them as existing in a second push", async () => {
  const other = `${berth.host}/docker/other:1`;
  await docker("tag", image, other);
  assert.match((await push(other)).said, /: Mounted from docker\/hello/);
  assert.match((await push(other)).said, /: Layer already exists/);
});

for (const form of forms) {
  test(`docker on the containerd store pulls the ${form} index with one platform and pushes this platform`, async () => {
    const multi = `${berth.host}/docker/${form}:multi`;
    await seed(berth, `docker/${form}`, "multi", indexes[form]);
    await docker("pull", multi);
    assert.equal(await read(multi, "/greeting"), greeting);
    const { descriptor } = indexes[form].root;
    const digests = await docker("image", "inspect", "--format", "{{.RepoDigests}}", multi);
    assert.ok(digests.stdout.includes(descriptor.digest));

    await docker("tag", multi, `${berth.host}/docker/${form}-copy:multi`);
    await docker("push", `${berth.host}/docker/${form}-copy:multi`);
    const linux = indexes[form].children[0];
    assert.ok(linux);
    await assertManifest(berth, `docker/${form}-copy`, linux.descriptor.digest, linux);
  });
}

test("docker on the containerd store loads the whole index and pushes it byte for byte", async () => {
  const archive = path.join(folder, "multi.tar");
  const name = `${berth.host}/docker/loaded`;
  const index = indexes.oci;
  writeFileSync(archive, createLayoutArchive(index, `${name}:multi`));
  await docker("load", "--input", archive);
  assert.equal((await push(`${name}:multi`)).digest, index.root.descriptor.digest);
  // This engine also uploads foreign layers.
  const whole = { ...index, blobs: [...index.blobs, ...index.foreign], foreign: [] };
  await assertHolds(berth, "docker/loaded", "multi", whole);
});

test("docker on the containerd store reports a deleted image as not found", async () => {
  const { digest } = await berth.manifest("docker/other", "1");
  const deleted = await berth.request(`/v2/docker/other/manifests/${digest}`, { method: "DELETE" });
  assert.equal(deleted.status, 202);
  const answer = await refusal(docker("pull", `${berth.host}/docker/other:1`));
  assert.match(answer, /not found/);
});

test("docker on the containerd store changes no seeded image and requests no foreign layer", async () => {
  for (const form of forms) await assertHolds(berth, `docker/${form}`, "multi", indexes[form]);
  assert.deepEqual(foreignServer.askedBy, []);
});
