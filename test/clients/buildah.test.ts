import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { digestOf, parseManifest } from "./support/registry-reader.ts";
import { assertHolds, seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes } = await openStage("buildah");
const buildah = tool("buildah", { cwd: folder, env: writeContainersSettings(folder) });
const digestFile = path.join(folder, "digest");

async function push(image: string, ...options: string[]): Promise<string> {
  await buildah("push", ...options, "--digestfile", digestFile, image);
  return readFileSync(digestFile, "utf8").trim();
}

function containerfile(name: string, ...lines: string[]): string {
  const file = path.join(folder, name);
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** Reads a file of a working container through `buildah mount`. */
async function read(container: string, file: string): Promise<string> {
  const { stdout } = await buildah("mount", container);
  return readFileSync(path.join(stdout.trim(), file), "utf8");
}

test("buildah commits and pushes an image from scratch, and pulls it again by digest", async () => {
  const image = `${berth.host}/buildah/scratch:1`;
  writeFileSync(path.join(folder, "notes"), "written by buildah\n");
  await buildah("from", "--name", "made", "scratch");
  await buildah("copy", "made", "notes", "/notes");
  await buildah("config", "--label", "made-by=buildah", "made");
  await buildah("commit", "made", image);
  const digest = await push(image);
  const stored = await berth.manifest("buildah/scratch", "1");
  assert.equal(stored.digest, digest);
  assert.equal(digestOf(stored.bytes), digest);

  await buildah("rm", "made");
  await buildah("rmi", image);
  await buildah("from", "--name", "again", `${image.replace(/:1$/, "")}@${digest}`);
  assert.equal(await read("again", "notes"), "written by buildah\n");
  await buildah("rm", "again");
});

test("buildah bud builds on an image of the registry and pushes an additional layer", async () => {
  await seed(berth, "buildah/oci", "multi", indexes.oci);
  const file = containerfile(
    "Containerfile.upon",
    `FROM ${berth.host}/buildah/oci:multi`,
    "RUN /bin/cat /greeting > /shouted && echo done >> /shouted",
    "LABEL stage=upon",
  );
  const image = `${berth.host}/buildah/upon:1`;
  await buildah("bud", "--file", file, "--tag", image, folder);
  await push(image);
  const { layers = [], config } = parseManifest((await berth.manifest("buildah/upon", "1")).bytes);
  assert.equal(layers.length, 3);
  const body = await berth.blob("buildah/upon", config?.digest ?? "");
  assert.match(body.bytes.toString(), /"stage":"upon"/);

  await buildah("rmi", image);
  await buildah("from", "--name", "upon", image);
  assert.equal(await read("upon", "shouted"), "greetings from linux/amd64\ndone\n");
  await buildah("rm", "upon");
});

test("buildah builds an image for Linux and Windows and pushes its index with manifest push --all", async () => {
  const list = "localhost/platforms";
  const platforms = [
    { platform: "linux/amd64", options: [] },
    { platform: "linux/arm64", options: [] },
    { platform: "windows/amd64", options: ["--os-version", "10.0.20348.2762"] },
  ];
  writeFileSync(path.join(folder, "notes"), "for every platform\n");
  const file = containerfile("Containerfile.scratch", "FROM scratch", "COPY notes /notes");
  for (const { platform, options } of platforms) {
    const build = ["bud", "--file", file, "--platform", platform, ...options];
    await buildah(...build, "--manifest", list, folder);
  }
  const target = `docker://${berth.host}/buildah/list:1`;
  await buildah("manifest", "push", "--all", "--digestfile", digestFile, list, target);
  const stored = await berth.manifest("buildah/list", "1");
  assert.equal(stored.digest, readFileSync(digestFile, "utf8").trim());
  const { manifests = [] } = parseManifest(stored.bytes);
  assert.deepEqual(
    manifests.map(({ platform }) => `${platform?.os}/${platform?.architecture}`),
    ["linux/amd64", "linux/arm64", "windows/amd64"],
  );
  assert.equal(manifests[2]?.platform?.["os.version"], "10.0.20348.2762");
});

for (const form of forms) {
  test(`buildah adds all images of the ${form} index to a new list and pushes it to another repository`, async () => {
    const list = `localhost/taken-${form}`;
    await seed(berth, `buildah/source-${form}`, "multi", indexes[form]);
    await buildah("manifest", "create", list);
    const source = `docker://${berth.host}/buildah/source-${form}:multi`;
    await buildah("manifest", "add", "--all", list, source);
    const target = `docker://${berth.host}/buildah/taken-${form}:multi`;
    await buildah(
      "manifest",
      "push",
      "--all",
      "--format",
      form === "oci" ? "oci" : "v2s2",
      list,
      target,
    );
    const { manifests = [] } = parseManifest(
      (await berth.manifest(`buildah/taken-${form}`, "multi")).bytes,
    );
    assert.deepEqual(
      manifests.map(({ digest }) => digest).toSorted(),
      indexes[form].children.map(({ descriptor }) => descriptor.digest).toSorted(),
    );
    await assertHolds(berth, `buildah/source-${form}`, "multi", indexes[form]);
  });
}

test("buildah pull --platform pulls the image of this platform", async () => {
  const image = `${berth.host}/buildah/oci:multi`;
  await buildah("pull", "--platform", "linux/arm64/v8", image);
  const { stdout } = await buildah(
    "inspect",
    "--type",
    "image",
    "--format",
    "{{.FromImageDigest}}",
    image,
  );
  assert.equal(stdout.trim(), indexes.oci.children[2]?.descriptor.digest);
});
