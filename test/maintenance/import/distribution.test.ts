import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { SkipError, type ImportImage } from "../../../src/maintenance/import/content.ts";
import { readDistribution } from "../../../src/maintenance/import/distribution.ts";
import { openRegularFiles } from "../../../src/maintenance/import/regular-files.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { DistributionWriter } from "../../support/distribution-folder.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = temporaryFolder();
const newWriter = (): DistributionWriter =>
  new DistributionWriter(mkdtempSync(path.join(folder, "registry-")));
const secret = Buffer.from("outside of the folder");
const outside = path.join(folder, "secret");
writeFileSync(outside, secret);

/** The name of each image, and the reason for each name that is broken. */
async function read({ folder: root }: DistributionWriter) {
  const files = await openRegularFiles(path.join(root, "docker/registry/v2"));
  assert.ok(files);
  const found = readDistribution(files, { to: undefined, manifestBytes: 10_000 });
  const [images, broken]: [ImportImage[], Record<string, string>] = [[], {}];
  for await (const one of found.images()) {
    if ("broken" in one) broken[one.name] = one.broken;
    else images.push(one);
  }
  return { images, broken };
}

const contentOf = async (writer: DistributionWriter): Promise<ImportImage["content"]> => {
  const [image] = (await read(writer)).images;
  assert.ok(image);
  return image.content;
};

test("a repository may lie in the folder of another, and a name without namespace is in library", async () => {
  const writer = newWriter();
  const digest = writer.putImage("team/app", [Buffer.from("a")], "1", "2");
  writer.putImage("team/app/worker", [Buffer.from("b")], "1");
  writer.putImage("solo", [Buffer.from("c")]);
  const { images, broken } = await read(writer);
  const names = images.map(({ repository, tag, name }) => `${repository} ${tag ?? "-"} ${name}`);
  const untagged = images.find(({ tag }) => tag === undefined)?.digest ?? "";
  assert.deepEqual(names.toSorted(), [
    `library/solo - solo@${untagged}`,
    "team/app 1 team/app:1",
    "team/app 2 team/app:2",
    "team/app/worker 1 team/app/worker:1",
  ]);
  assert.equal(images.find(({ name }) => name === "team/app:1")?.digest, digest);
  assert.deepEqual(broken, {});
});

test("names that are no names of repositories and tags are reported, and not read", async () => {
  const writer = newWriter();
  writer.putImage("Team/App", [Buffer.from("a")], "1");
  writer.putImage("users/app", [Buffer.from("a")], "1");
  writer.putImage("team/app", [Buffer.from("a")], "-wrong");
  assert.deepEqual((await read(writer)).broken, {
    "Team/App": "its name is not the name of a repository",
    "users/app": "its name is not the name of a repository",
    "team/app:-wrong": "its name is not the name of a tag",
  });
});

test("a link of a tag must be a small regular file with a digest", async () => {
  const writer = newWriter();
  const digest = writer.putImage("team/app", [Buffer.from("a")], "good");
  const link = (tag: string): string => {
    const file = writer.repositoryFile("team/app", `_manifests/tags/${tag}/current/link`);
    mkdirSync(path.dirname(file), { recursive: true });
    return file;
  };
  writeFileSync(link("garbage"), "../../../../../../../etc/passwd");
  writeFileSync(link("large"), digest + " ".repeat(1_000_000));
  writeFileSync(path.join(folder, "digest"), digest);
  symlinkSync(path.join(folder, "digest"), link("symbolic"));
  mkdirSync(link("folder"));
  execFileSync("mkfifo", [link("fifo")]);
  link("none");
  const { images, broken } = await read(writer);
  assert.deepEqual(
    images.map(({ tag }) => tag),
    ["good"],
  );
  const names = ["fifo", "folder", "garbage", "large", "none", "symbolic"];
  assert.deepEqual(
    Object.keys(broken).toSorted(),
    names.map((name) => `team/app:${name}`),
  );
});

test("a blob that is a symbolic link, or lies behind one, is not there", async () => {
  const writer = newWriter();
  writer.putImage("team/app", [Buffer.from("a")], "1");
  const content = await contentOf(writer);
  const digest = writer.writeBlob(secret);
  writer.linkBlob("team/app", digest);
  assert.equal((await content.blob(digest))?.sizeBytes, secret.length);
  const file = writer.blobFile(digest);
  rmSync(file);
  symlinkSync(outside, file);
  assert.equal(await content.blob(digest), undefined);
  rmSync(file);
  writer.writeBlob(secret);
  renameSync(path.dirname(file), path.join(folder, "moved"));
  symlinkSync(path.join(folder, "moved"), path.dirname(file));
  assert.equal(await content.blob(digest), undefined);
});

test("a blob that the repository does not link is not there, as for clients of that registry", async () => {
  const writer = newWriter();
  writer.putImage("team/app", [Buffer.from("a")], "1");
  writer.putImage("team/private", [Buffer.from("private")], "1");
  const content = await contentOf(writer);
  const digest = digestOf(Buffer.from("private"));
  assert.equal(await content.blob(digest), undefined);
  assert.equal(await content.manifest(digest), undefined);
});

test("folders of repositories behind symbolic links are not read, and a cycle of links ends", async () => {
  const writer = newWriter();
  writer.putImage("team/app", [Buffer.from("a")], "1");
  const other = newWriter();
  other.putImage("other/app", [Buffer.from("b")], "1");
  symlinkSync(other.repositoryFile("other", ""), writer.repositoryFile("linked", ""));
  symlinkSync(writer.repositoryFile("team", ""), writer.repositoryFile("team", "again"));
  assert.deepEqual(
    (await read(writer)).images.map(({ name }) => name),
    ["team/app:1"],
  );
});

test("a manifest larger than the limit is not read", async () => {
  const writer = newWriter();
  const digest = writer.putManifest("team/app", { text: "a".repeat(20_000) }, "1");
  const content = await contentOf(writer);
  await assert.rejects(content.manifest(digest), (error) => error instanceof SkipError);
});
