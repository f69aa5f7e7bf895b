import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal, tool } from "./support/command.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { greeting, imageOf } from "./support/platform-index.ts";
import { assertHolds } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";
import { createTarball } from "./support/tarball.ts";

const { berth, folder, indexes, layouts, foreignServer } = await openStage("crane");
const crane = tool("crane", { env: { HOME: folder, DOCKER_CONFIG: folder } }, ["--insecure"]);

for (const form of forms) {
  const index = indexes[form];
  const { digest } = index.root.descriptor;
  const image = `${berth.host}/crane/${form}:multi`;

  test(`crane push of the ${form} index stores every byte and no foreign layer`, async () => {
    const { stdout } = await crane("push", layouts[form], image);
    assert.equal(stdout.trim(), `${berth.host}/crane/${form}@${digest}`);
    await assertHolds(berth, `crane/${form}`, "multi", index);
  });

  test(`crane reads the same digest, manifest and blob of the ${form} index as it pushed`, async () => {
    assert.equal((await crane("digest", image)).stdout.trim(), digest);
    assert.ok((await crane("manifest", image)).bytes.equals(index.root.bytes));
    const layer = index.blobs[0];
    assert.ok(layer);
    const blob = await crane("blob", `${berth.host}/crane/${form}@${layer.descriptor.digest}`);
    assert.ok(blob.bytes.equals(layer.bytes));
  });

  test(`crane digest finds a Windows image in the ${form} index by its os.version`, async () => {
    const child = index.children[3];
    assert.ok(child);
    const platform = "windows/amd64:10.0.17763.6414";
    const { stdout } = await crane("digest", "--platform", platform, image);
    assert.equal(stdout.trim(), child.descriptor.digest);
  });

  test(`crane copy copies the whole ${form} index to another repository without a foreign layer`, async () => {
    await crane("copy", image, `${berth.host}/crane/${form}-copy:released`);
    await assertHolds(berth, `crane/${form}-copy`, "released", index);
    await assertHolds(berth, `crane/${form}-copy`, digest, index);
  });
}

test("crane pull of one image writes a layout with the same bytes", async () => {
  const pulled = path.join(folder, "pulled");
  const options = ["--format", "oci", "--platform", "linux/arm64/v8"];
  await crane("pull", ...options, `${berth.host}/crane/oci:multi`, pulled);
  assertLayoutHolds(pulled, imageOf(indexes.oci, 2));
});

test("crane validate accepts the Linux image, and crane export reads its files", async () => {
  const image = `${berth.host}/crane/oci:multi`;
  const validated = await crane("validate", "--platform", "linux/amd64", "--remote", image);
  assert.match(validated.stdout + validated.stderr, /PASS: /);
  const exported = await crane("export", "--platform", "linux/amd64", image, "-");
  assert.ok(exported.bytes.includes(Buffer.from(greeting)));
});

test("crane append pushes an image with an additional layer on an image of the registry", async () => {
  const layer = path.join(folder, "layer.tar");
  const image = `${berth.host}/crane/appended:1`;
  writeFileSync(layer, createTarball([{ path: "more", content: "one more layer\n" }]));
  const base = `${berth.host}/crane/oci@${indexes.oci.children[0]?.descriptor.digest}`;
  await crane("append", "--base", base, "--new_layer", layer, "--new_tag", image);
  const tarball = path.join(folder, "appended.tar");
  await crane("export", image, tarball);
  assert.ok(readFileSync(tarball).includes("one more layer\n"));
  assert.ok(readFileSync(tarball).includes(greeting));
});

test("crane ls and crane catalog list tags and repositories in order", async () => {
  await crane("tag", `${berth.host}/crane/oci:multi`, "another");
  const tags = (await crane("ls", `${berth.host}/crane/oci`)).stdout;
  assert.deepEqual(tags.trim().split("\n"), ["another", "multi"]);
  const catalog = (await crane("catalog", berth.host)).stdout;
  assert.deepEqual(catalog.trim().split("\n"), [
    "crane/appended",
    "crane/docker",
    "crane/docker-copy",
    "crane/oci",
    "crane/oci-copy",
  ]);
});

test("crane delete deletes only the tag, or the digest with all its tags", async () => {
  const name = "crane/oci-copy";
  const { digest } = indexes.oci.root.descriptor;
  await crane("tag", `${berth.host}/${name}:released`, "second");
  await crane("delete", `${berth.host}/${name}:second`);
  assert.deepEqual(await berth.tags(name), ["released"]);
  assert.equal((await berth.manifest(name, digest)).status, 200);

  await crane("delete", `${berth.host}/${name}@${digest}`);
  const answer = await refusal(crane("manifest", `${berth.host}/${name}:released`));
  assert.match(answer, /MANIFEST_UNKNOWN/);
  assert.deepEqual(await berth.tags(name), []);
  await assertHolds(berth, "crane/oci", "multi", indexes.oci);
});

test("crane never requests a foreign layer", () => {
  assert.deepEqual(foreignServer.askedBy, []);
});
