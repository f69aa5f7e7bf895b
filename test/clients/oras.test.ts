import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { refusal, run, type CommandOptions, type Output } from "./support/command.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { digestOf, parseManifest } from "./support/registry-reader.ts";
import { assertHolds } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes, layouts, foreignServer } = await openStage("oras");
const settings: CommandOptions = { env: { HOME: folder, DOCKER_CONFIG: folder }, cwd: folder };
const oras = (...args: string[]): Promise<Output> => run("oras", args, settings);
const plain = "--plain-http";
const notes = "a file that oras carries\n";
writeFileSync(path.join(folder, "notes.txt"), notes);
writeFileSync(path.join(folder, "sbom.json"), '{"spdxVersion":"SPDX-2.3"}');
writeFileSync(path.join(folder, "scan.txt"), "nothing found\n");

const artifact = `${berth.host}/oras/notes:1`;
let pushed = "";

test("oras push stores files as an artifact under the digest that it prints", async () => {
  const type = "application/vnd.example.notes";
  const { stdout } = await oras(
    ...["push", plain, "--artifact-type", type, artifact, "notes.txt:text/plain"],
    ...["--format", "json"],
  );
  pushed = (JSON.parse(stdout) as { digest: string }).digest;
  const stored = await berth.manifest("oras/notes", "1");
  assert.equal(stored.digest, pushed);
  assert.equal(digestOf(stored.bytes), pushed);
  const body = parseManifest(stored.bytes);
  assert.equal(body.artifactType, type);
  assert.deepEqual(
    body.layers?.map(({ mediaType, digest }) => ({ mediaType, digest })),
    [{ mediaType: "text/plain", digest: digestOf(notes) }],
  );
});

test("oras pull writes the same file", async () => {
  const target = path.join(folder, "pulled");
  await oras("pull", plain, "--output", target, artifact);
  assert.equal(readFileSync(path.join(target, "notes.txt"), "utf8"), notes);
});

test("oras attach uses the referrers API and creates no tag", async () => {
  await oras("attach", plain, "--artifact-type", "application/spdx+json", artifact, "sbom.json");
  await oras(
    "attach",
    plain,
    "--artifact-type",
    "application/vnd.example.scan",
    artifact,
    "scan.txt",
  );
  assert.deepEqual(await berth.tags("oras/notes"), ["1"]);
  assert.deepEqual(
    (await berth.referrers("oras/notes", pushed))
      .map(({ artifactType }) => artifactType)
      .toSorted(),
    ["application/spdx+json", "application/vnd.example.scan"],
  );
});

type Referrer = { artifactType: string; digest: string; referrers?: Referrer[] };

async function discover(image: string, ...options: string[]): Promise<Referrer[]> {
  const { stdout } = await oras("discover", plain, "--format", "json", ...options, image);
  return (JSON.parse(stdout) as { referrers?: Referrer[] }).referrers ?? [];
}

/** The sorted digests of a tree of referrers. */
function digestsIn(referrers: Referrer[] = []): string[] {
  return referrers.flatMap((one) => [one.digest, ...digestsIn(one.referrers)]).toSorted();
}

test("oras discover finds attached artifacts by type, and artifacts attached to these", async () => {
  const [sbom] = await discover(artifact, "--artifact-type", "application/spdx+json");
  assert.ok(sbom);
  const signature = "application/vnd.example.signature";
  const subject = `${berth.host}/oras/notes@${sbom.digest}`;
  await oras("attach", plain, "--artifact-type", signature, subject, "scan.txt");

  const found = await discover(artifact);
  assert.deepEqual(found.map(({ artifactType }) => artifactType).toSorted(), [
    "application/spdx+json",
    "application/vnd.example.scan",
  ]);
  const again = found.find(({ digest }) => digest === sbom.digest);
  assert.equal(again?.referrers?.length, 1);
});

test("oras cp -r copies an artifact with all its referrers to another repository", async () => {
  const target = `${berth.host}/oras/notes-copy:1`;
  await oras("cp", "-r", "--from-plain-http", "--to-plain-http", artifact, target);
  assert.equal((await berth.manifest("oras/notes-copy", "1")).digest, pushed);
  const copied = digestsIn(await discover(target));
  assert.equal(copied.length, 3);
  assert.deepEqual(copied, digestsIn(await discover(artifact)));
});

for (const form of forms) {
  test(`oras cp copies the ${form} index from a layout, between repositories and back`, async () => {
    const image = `${berth.host}/oras/${form}:multi`;
    const copy = `${berth.host}/oras/${form}-copy:multi`;
    await oras("cp", "--from-oci-layout", "--to-plain-http", `${layouts[form]}:multi`, image);
    await oras("cp", "--from-plain-http", "--to-plain-http", image, copy);
    await assertHolds(berth, `oras/${form}`, "multi", indexes[form]);
    await assertHolds(berth, `oras/${form}-copy`, "multi", indexes[form]);
    const back = path.join(folder, `back-${form}`);
    await oras("cp", "--from-plain-http", "--to-oci-layout", copy, `${back}:multi`);
    assertLayoutHolds(back, indexes[form]);
  });
}

test("oras manifest fetch selects one platform from the index", async () => {
  const image = `${berth.host}/oras/oci:multi`;
  const { bytes } = await oras(
    ...["manifest", "fetch", plain, "--platform", "windows/amd64:10.0.17763.6414", image],
  );
  assert.ok(indexes.oci.children[3]?.bytes.equals(bytes));
});

test("oras repo ls and tags list repositories and tags", async () => {
  await oras("tag", plain, artifact, "2", "latest");
  const tags = await oras("repo", "tags", plain, `${berth.host}/oras/notes`);
  assert.deepEqual(tags.stdout.trim().split("\n"), ["1", "2", "latest"]);
  const repositories = await oras("repo", "ls", plain, berth.host);
  assert.ok(repositories.stdout.split("\n").includes("oras/notes-copy"));
});

test("oras blob pushes, fetches and deletes a blob", async () => {
  const name = `${berth.host}/oras/blobs`;
  await oras("blob", "push", plain, name, "notes.txt");
  const blob = `${name}@${digestOf(notes)}`;
  assert.equal((await oras("blob", "fetch", plain, "--output", "-", blob)).stdout, notes);
  await oras("blob", "delete", plain, "--force", blob);
  assert.match(await refusal(oras("blob", "fetch", plain, "--output", "-", blob)), /not found/);
});

test("oras manifest delete removes an attached artifact from the referrers", async () => {
  const [scan] = await discover(artifact, "--artifact-type", "application/vnd.example.scan");
  assert.ok(scan);
  await oras("manifest", "delete", plain, "--force", `${berth.host}/oras/notes@${scan.digest}`);
  const left = await discover(artifact);
  assert.deepEqual(
    left.map(({ artifactType }) => artifactType),
    ["application/spdx+json"],
  );
});

test("oras never requests a foreign layer", () => {
  assert.deepEqual(foreignServer.askedBy, []);
});
