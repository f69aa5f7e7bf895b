import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal, run, tool, type CommandOptions } from "./support/command.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { digestOf } from "./support/registry-reader.ts";
import { assertHolds } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes, layouts, foreignServer } = await openStage("regctl");
const options: CommandOptions = {
  env: { HOME: folder, DOCKER_CONFIG: folder, REGCTL_CONFIG: path.join(folder, "config.json") },
  cwd: folder,
};
const regctl = tool("regctl", options);
await regctl("registry", "set", "--tls", "disabled", berth.host);

for (const form of forms) {
  const index = indexes[form];
  const image = `${berth.host}/regctl/${form}:multi`;

  test(`regctl image copy from a layout stores the ${form} index byte for byte`, async () => {
    await regctl("image", "copy", `ocidir://${layouts[form]}:multi`, image);
    await assertHolds(berth, `regctl/${form}`, "multi", index);
  });

  test(`regctl reads head, digest, body and blobs of the ${form} index`, async () => {
    const { digest } = index.root.descriptor;
    assert.equal((await regctl("manifest", "head", image)).stdout.trim(), digest);
    assert.equal((await regctl("image", "digest", image)).stdout.trim(), digest);
    const body = await regctl("manifest", "get", "--format", "raw-body", image);
    assert.ok(body.bytes.equals(index.root.bytes));
    for (const { descriptor, bytes } of index.blobs) {
      const blob = await regctl("blob", "get", `${berth.host}/regctl/${form}`, descriptor.digest);
      assert.ok(blob.bytes.equals(bytes));
    }
  });

  test(`regctl image copy copies the ${form} index to another repository and back to a layout`, async () => {
    await regctl("image", "copy", image, `${berth.host}/regctl/${form}-copy:multi`);
    await assertHolds(berth, `regctl/${form}-copy`, "multi", index);
    const copied = path.join(folder, `copied-${form}`);
    await regctl(
      "image",
      "copy",
      `${berth.host}/regctl/${form}-copy:multi`,
      `ocidir://${copied}:multi`,
    );
    assertLayoutHolds(copied, index);
  });
}

test("regctl blob put uploads a blob in one request and in chunks, and blob get returns the same bytes", async () => {
  const name = `${berth.host}/regctl/blobs`;
  const bytes = randomBytes(300_000);
  const put = async (): Promise<string> =>
    (await run("regctl", ["blob", "put", name], { ...options, input: bytes })).stdout.trim();

  assert.equal(await put(), digestOf(bytes));
  await regctl("blob", "delete", name, digestOf(bytes));
  assert.equal((await berth.blob("regctl/blobs", digestOf(bytes))).status, 404);

  await regctl("registry", "set", "--blob-max", "50000", "--blob-chunk", "70000", berth.host);
  assert.equal(await put(), digestOf(bytes));
  await regctl("registry", "set", "--blob-max", "0", "--blob-chunk", "0", berth.host);

  const head = await regctl("blob", "head", "--format", "raw-headers", name, digestOf(bytes));
  assert.match(head.stdout, /^content-length: 300000$/im);
  assert.match(head.stdout, new RegExp(`^docker-content-digest: ${digestOf(bytes)}$`, "im"));
  assert.ok((await regctl("blob", "get", name, digestOf(bytes))).bytes.equals(bytes));
});

test("regctl blob copy mounts a blob from another repository", async () => {
  const layer = indexes.oci.blobs[0];
  assert.ok(layer);
  const [from, to] = [`${berth.host}/regctl/oci`, `${berth.host}/regctl/mounted`];
  await regctl("blob", "copy", from, to, layer.descriptor.digest);
  assert.ok(
    (await berth.blob("regctl/mounted", layer.descriptor.digest)).bytes.equals(layer.bytes),
  );
});

test("regctl lists an artifact with a subject by artifact type, and reads its content", async () => {
  const file = path.join(folder, "sbom.json");
  writeFileSync(file, '{"spdxVersion":"SPDX-2.3"}');
  const image = `${berth.host}/regctl/oci:multi`;
  for (const type of ["application/spdx+json", "application/vnd.example.notes"]) {
    await regctl("artifact", "put", "--artifact-type", type, "--subject", image, "-f", file);
  }
  const list = await regctl(
    ...["artifact", "list", "--filter-artifact-type", "application/spdx+json"],
    ...["--format", "{{range .Descriptors}}{{println .ArtifactType}}{{end}}", image],
  );
  assert.equal(list.stdout.trim(), "application/spdx+json");
  const got = await regctl(
    ...["artifact", "get", "--filter-artifact-type", "application/spdx+json", "--subject", image],
  );
  assert.equal(got.stdout.trim(), '{"spdxVersion":"SPDX-2.3"}');
});

test("regctl artifact put creates no fallback tag for an artifact with a subject", async () => {
  assert.deepEqual(await berth.tags("regctl/oci"), ["multi"]);
});

test("regctl image copy --referrers --digest-tags copies the image with its artifacts and digest tags", async () => {
  const name = "regctl/oci";
  const { digest } = indexes.oci.root.descriptor;
  const digestTag = `${digest.replace(":", "-")}.notes`;
  const note = indexes.oci.children[2]?.descriptor.digest;
  await regctl(
    "image",
    "copy",
    `${berth.host}/${name}@${note}`,
    `${berth.host}/${name}:${digestTag}`,
  );

  const target = `${berth.host}/regctl/with-referrers:multi`;
  await regctl(
    "image",
    "copy",
    "--referrers",
    "--digest-tags",
    `${berth.host}/${name}:multi`,
    target,
  );

  await assertHolds(berth, "regctl/with-referrers", "multi", indexes.oci);
  assert.deepEqual(await berth.tags("regctl/with-referrers"), ["multi", digestTag].toSorted());
  const referrers = await berth.referrers("regctl/with-referrers", digest);
  assert.deepEqual(
    referrers.map((referrer) => referrer.digest).toSorted(),
    (await berth.referrers(name, digest)).map((referrer) => referrer.digest).toSorted(),
  );
  assert.equal(referrers.length, 2);
});

test("regctl tag ls lists the tags in pages, and tag delete deletes only one tag", async () => {
  const name = `${berth.host}/regctl/docker-copy`;
  for (const tag of ["a", "B", "c"])
    await regctl("image", "copy", `${name}:multi`, `${name}:${tag}`);
  const tags = await regctl("tag", "ls", "--limit", "2", name);
  assert.deepEqual(tags.stdout.trim().split("\n"), ["B", "a"]);
  const more = await regctl("tag", "ls", "--last", "a", name);
  assert.deepEqual(more.stdout.trim().split("\n"), ["c", "multi"]);

  await regctl("tag", "delete", `${name}:a`);
  assert.deepEqual(await berth.tags("regctl/docker-copy"), ["B", "c", "multi"]);
  await assertHolds(berth, "regctl/docker-copy", "B", indexes.docker);
});

test("regctl repo ls lists the repositories", async () => {
  const { stdout } = await regctl("repo", "ls", berth.host);
  assert.ok(stdout.split("\n").includes("regctl/with-referrers"));
});

test("regctl manifest delete removes the digest and its tags", async () => {
  const name = `${berth.host}/regctl/docker-copy`;
  await regctl("manifest", "delete", `${name}@${indexes.docker.root.descriptor.digest}`);
  assert.match(await refusal(regctl("manifest", "head", `${name}:multi`)), /not found|404/i);
  assert.deepEqual(await berth.tags("regctl/docker-copy"), []);
});

test("regctl never requests a foreign layer", () => {
  assert.deepEqual(foreignServer.askedBy, []);
});
