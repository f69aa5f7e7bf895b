import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startBerth } from "./support/berth.ts";
import { refusal, run, tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { windowsVersions } from "./support/platform-index.ts";
import { assertHolds, assertManifest, seed } from "./support/seeding.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes, layouts } = await openStage("skopeo");
const skopeo = tool("skopeo", {
  cwd: folder,
  // With this user id skopeo stores its cache in XDG_DATA_HOME instead of a system folder.
  env: { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" },
});
const registry = `docker://${berth.host}`;
const program = path.join(import.meta.dirname, "../../dist/main.js");
const berthOf = (...args: readonly string[]) =>
  run(process.execPath, [program, ...args, "--host", berth.host], { cwd: folder });
const { digest } = indexes.oci.root.descriptor;

test("skopeo copy --all from a layout to the registry and back keeps every byte", async () => {
  await skopeo("copy", "--all", `oci:${layouts.oci}:multi`, `${registry}/skopeo/oci:multi`);
  await assertHolds(berth, "skopeo/oci", "multi", indexes.oci);
  const back = path.join(folder, "back");
  await skopeo("copy", "--all", `${registry}/skopeo/oci:multi`, `oci:${back}:multi`);
  assertLayoutHolds(back, indexes.oci);
});

test("skopeo copy --all from repository to repository keeps both forms of the index", async () => {
  await seed(berth, "skopeo/docker", "multi", indexes.docker);
  for (const form of forms) {
    const [from, to] = [
      `${registry}/skopeo/${form}:multi`,
      `${registry}/skopeo/${form}-copy:multi`,
    ];
    await skopeo("copy", "--all", "--preserve-digests", from, to);
    await assertHolds(berth, `skopeo/${form}-copy`, "multi", indexes[form]);
  }
});

test("skopeo copy --override-os windows copies the first Windows image of the index", async () => {
  for (const form of forms) {
    const target = `${registry}/skopeo/windows-${form}:1`;
    await skopeo("--override-os", "windows", "copy", `${registry}/skopeo/${form}:multi`, target);
    const child = indexes[form].children[1];
    assert.ok(child);
    await assertManifest(berth, `skopeo/windows-${form}`, "1", child);
  }
});

test("skopeo inspect shows the requested platform, and the raw index", async () => {
  const image = `${registry}/skopeo/oci:multi`;
  const inspect = async (...options: string[]): Promise<Record<string, unknown>> =>
    JSON.parse((await skopeo(...options, "inspect", image)).stdout) as Record<string, unknown>;
  const linux = await inspect("--override-arch", "arm64", "--override-variant", "v8");
  assert.equal(linux["Architecture"], "arm64");
  assert.deepEqual(linux["RepoTags"], ["multi"]);
  assert.equal(linux["Digest"], digest);
  const windows = await inspect("--override-os", "windows");
  assert.equal(windows["Os"], "windows");
  const config = await skopeo("--override-os", "windows", "inspect", "--config", "--raw", image);
  const { "os.version": version } = JSON.parse(config.stdout) as { "os.version": string };
  assert.equal(version, windowsVersions[0]);
  assert.ok((await skopeo("inspect", "--raw", image)).bytes.equals(indexes.oci.root.bytes));
});

test("skopeo list-tags lists all tags", async () => {
  await skopeo("copy", `${registry}/skopeo/oci:multi`, `${registry}/skopeo/oci:linux`);
  const { stdout } = await skopeo("list-tags", `${registry}/skopeo/oci`);
  const { Tags: tags } = JSON.parse(stdout) as { Tags: string[] };
  assert.deepEqual(tags, ["linux", "multi"]);
});

test("the APIs, the search and berth tag show contain the Windows builds of an image that skopeo pushed", async () => {
  const ask = async <T>(route: string): Promise<T> =>
    (await (await fetch(`http://${berth.host}${route}`)).json()) as T;
  type Images = readonly { readonly os: string; readonly os_version: string | null }[];
  const buildsOf = (images: Images) => images.flatMap((image) => image.os_version ?? []);
  const hub = "/v2/namespaces/skopeo/repositories/oci/tags";
  const own = "/api/berth/v1/repositories/skopeo/oci/-/tags";
  const tag = await ask<{ images: Images }>(`${hub}/multi`);
  const list = await ask<{ results: { name: string; images: Images }[] }>(hub);
  const listed = list.results.find(({ name }) => name === "multi")?.images ?? [];
  const images = await ask<Images>(`/v2/repositories/skopeo/oci/tags/multi/images`);
  const shown = await ask<{ images: Images }>(`${own}/multi`);
  for (const found of [tag.images, listed, images, shown.images]) {
    assert.deepEqual(buildsOf(found), windowsVersions);
    assert.ok(found.some(({ os }) => os === "linux"));
  }
  for (const build of windowsVersions) {
    const query = `query=skopeo&os=windows&os_version=${build}`;
    const { results } = await ask<{ results: { name: string }[] }>(`/api/berth/v1/search?${query}`);
    assert.ok(results.some(({ name }) => name === "skopeo/oci"));
    const found = await berthOf("search", "oci", "--os-version", build, "--json");
    assert.match(found.stdout, /"name":"skopeo\/oci"/);
  }
  const none = await ask<{ count: number }>(
    "/api/berth/v1/search?query=skopeo&os_version=10.0.1.1",
  );
  assert.equal(none.count, 0);
  const { stdout } = await berthOf("tag", "show", "skopeo/oci:multi");
  for (const build of windowsVersions) assert.ok(stdout.includes(`windows/amd64 ${build}`), stdout);
});

test("skopeo sync copies a repository to a folder and back", async () => {
  const target = path.join(folder, "synced");
  const all = ["sync", "--all", "--preserve-digests", "--scoped"];
  const source = `${berth.host}/skopeo/docker-copy`;
  await skopeo(...all, "--src", "docker", "--dest", "dir", source, target);
  const synced = path.join(target, `${source}:multi`);
  assert.ok(readFileSync(path.join(synced, "manifest.json")).equals(indexes.docker.root.bytes));
  for (const { descriptor, bytes } of indexes.docker.blobs) {
    assert.ok(readFileSync(path.join(synced, descriptor.digest.slice(7))).equals(bytes));
  }
  assert.ok(readdirSync(synced).length > indexes.docker.blobs.length);

  const back = ["sync", "--all", "--src", "dir", "--dest", "docker"];
  await skopeo(...back, path.dirname(synced), `${berth.host}/skopeo/synced`);
  const name = "skopeo/synced/docker-copy";
  assert.deepEqual(await berth.tags(name), ["multi"]);
  assert.equal((await berth.manifest(name, "multi")).digest, indexes.docker.root.descriptor.digest);
});

test("skopeo delete removes the image with all its tags", async () => {
  await skopeo("delete", `${registry}/skopeo/oci-copy:multi`);
  assert.deepEqual(await berth.tags("skopeo/oci-copy"), []);
  assert.equal((await berth.manifest("skopeo/oci-copy", digest)).status, 404);
  const answer = await refusal(skopeo("inspect", "--raw", `${registry}/skopeo/oci-copy:multi`));
  assert.match(answer, /manifest unknown/);
  await assertHolds(berth, "skopeo/oci", "multi", indexes.oci);
});

test("skopeo copy of an index without its children is rejected unless the registry has sparse enabled", async () => {
  const copy = ["copy", "--multi-arch", "index-only", `${registry}/skopeo/oci:multi`];
  const answer = await refusal(skopeo(...copy, `${registry}/skopeo/index-only:multi`));
  assert.match(answer, /blob unknown|MANIFEST_BLOB_UNKNOWN|manifest blob unknown/i);
  assert.equal((await berth.manifest("skopeo/index-only", "multi")).status, 404);

  const sparse = await startBerth({ sparse: true });
  await skopeo(...copy, `docker://${sparse.host}/skopeo/index-only:multi`);
  await assertManifest(sparse, "skopeo/index-only", "multi", indexes.oci.root);
});
