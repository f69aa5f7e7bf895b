import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal } from "./support/command.ts";
import { startContainerd } from "./support/containerd.ts";
import { createLayoutArchive } from "./support/oci-layout.ts";
import { greeting } from "./support/platform-index.ts";
import { assertHolds, seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes, foreignServer } = await openStage("containerd");
const { ctr, hostsFor } = await startContainerd();

// The registry under its own address, and as the host for another registry name, which containerd sends as `ns=`.
const places = [
  { registry: berth.host, hosts: hostsFor(berth.host, berth.host) },
  { registry: "registry.example", hosts: hostsFor("registry.example", berth.host) },
];

for (const [place, { registry, hosts }] of places.entries()) {
  const hostsDir = ["--hosts-dir", hosts];

  for (const form of forms) {
    const index = indexes[form];
    const name = `containerd/${form}-${place}`;
    const image = `${registry}/${name}:multi`;

    test(`ctr images push stores the whole ${form} index through a hosts.toml for ${place === 0 ? "its address" : "a name"}`, async () => {
      const archive = path.join(folder, `${form}.tar`);
      writeFileSync(archive, createLayoutArchive(index, image));
      await ctr("images", "import", "--no-unpack", "--all-platforms", archive);
      await ctr("images", "push", ...hostsDir, image);
      await assertHolds(berth, name, "multi", index);
    });

    test(`ctr content fetch downloads all platforms of ${name}, and foreign layers from their own host`, async () => {
      const elsewhere = ["--namespace", `fetched-${form}-${place}`];
      const before = foreignServer.askedBy.length;
      await ctr(...elsewhere, "content", "fetch", "--all-platforms", ...hostsDir, image);
      const { root, children, blobs, foreign } = index;
      for (const { descriptor, bytes } of [root, ...children, ...blobs, ...foreign]) {
        const content = await ctr(...elsewhere, "content", "get", descriptor.digest);
        assert.ok(content.bytes.equals(bytes), `${descriptor.digest} came back with other bytes`);
      }
      const askers = foreignServer.askedBy.slice(before);
      assert.equal(askers.length, foreign.length);
      for (const asker of askers) assert.match(asker, /^containerd\//);
    });
  }

  test(`ctr images pull and run select linux/amd64 from the index of ${registry}`, async () => {
    const image = `${registry}/containerd/oci-${place}:multi`;
    const elsewhere = ["--namespace", `pulled-${place}`];
    await ctr(...elsewhere, "images", "pull", ...hostsDir, image);
    const check = await ctr(...elsewhere, "images", "check", "--quiet");
    assert.equal(check.stdout.trim(), image);
    const ran = await ctr(...elsewhere, "run", "--rm", image, `greeter-${place}`);
    assert.equal(ran.stdout, greeting);
  });
}

test("ctr images push stores an index whose children exist in the repository", async () => {
  const { registry, hosts } = places[0] ?? assert.fail();
  const image = `${registry}/containerd/again:multi`;
  await seed(berth, "containerd/again", "first", indexes.oci);
  await ctr("images", "tag", `${registry}/containerd/oci-0:multi`, image);
  await ctr("images", "push", "--hosts-dir", hosts, image);
  await assertHolds(berth, "containerd/again", "multi", indexes.oci);
});

test("ctr images pull reports a deleted image as not found", async () => {
  const { registry, hosts } = places[0] ?? assert.fail();
  const path = `/v2/containerd/again/manifests/${indexes.oci.root.descriptor.digest}`;
  assert.equal((await berth.request(path, { method: "DELETE" })).status, 202);
  const image = `${registry}/containerd/again:multi`;
  assert.match(await refusal(ctr("images", "pull", "--hosts-dir", hosts, image)), /not found/);
});
