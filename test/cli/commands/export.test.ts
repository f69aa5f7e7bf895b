import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { after, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { createTarball } from "../../clients/support/tarball.ts";
import { pushImageParts, putManifest, startBerth } from "../../support/berth.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { pullImage, runImport } from "../support/imports.ts";
import { berth as run } from "../support.ts";

interface Index {
  readonly manifests: readonly {
    readonly digest: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

const tagKey = "org.opencontainers.image.ref.name";

describe("berth export, and imports of layouts and archives", async () => {
  const folder = temporaryFolder();
  const inside = (name: string): string => path.join(folder, name);
  const berth = await startBerth(mkdtempSync(inside("data-")));
  after(() => berth.close());
  const { data } = berth;
  const layout = inside("layout");
  const files = (): readonly string[] => readdirSync(path.join(layout, "blobs/sha256"));
  const push = async (tag: string, extra: object = {}): Promise<string> => {
    const parts = await pushImageParts(berth, "team/app", { layer: `the layer of ${tag}`, extra });
    await putManifest(berth, "team/app", tag, parts.manifest).expect(201);
    return parts.digest;
  };
  const digests: Record<string, string> = { one: await push("one") };
  const subject = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digests["one"],
    size: 1,
  };
  const referrer = await pushImageParts(berth, "team/app", {
    layer: "an sbom",
    extra: { subject },
  });
  await putManifest(berth, "team/app", referrer.digest, referrer.manifest).expect(201);

  test("an export has all tags, blobs and referrers, and a later one adds only what is new", async () => {
    const first = await run(["export", "team/app", layout, "--data", data]);
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    assert.match(first.stdout, /^exported 1 tags, 2 manifests and 3 blobs of .*\n$/);
    for (const name of files()) {
      const bytes = readFileSync(path.join(layout, "blobs/sha256", name));
      assert.equal(createHash("sha256").update(bytes).digest("hex"), name);
    }
    digests["two"] = await push("two");
    const second = await run(["export", "team/app:two", layout, "--data", data]);
    assert.match(
      second.stdout,
      /^exported 1 tags, 1 manifests and 1 blobs of .*; 1 blobs were there\n$/,
    );
    const index = JSON.parse(readFileSync(path.join(layout, "index.json"), "utf8")) as Index;
    const entries = index.manifests.map(({ digest, annotations }) => [
      digest,
      annotations?.[tagKey],
    ]);
    assert.deepEqual(entries, [
      [referrer.digest, undefined],
      [digests["one"], "one"],
      [digests["two"], "two"],
    ]);
  });

  test("an exported layout is imported as a folder and as an archive, with its tags and referrers", async () => {
    const imported = await runImport(data, "oci-layout", layout, "team/copy");
    assert.deepEqual([imported.sum.tags, imported.code], [2, 0]);
    assert.equal(await pullImage(berth, "team/copy", "one"), digests["one"]);
    const { body } = await berth.api.get(`/v2/team/copy/referrers/${digests["one"]}`).expect(200);
    assert.equal((body as Index).manifests[0]?.digest, referrer.digest);

    const entries = readdirSync(layout, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => ({ path: `./${path.relative(layout, file)}`, content: readFileSync(file) }));
    const archive = inside("layout.tar");
    writeFileSync(archive, createTarball(entries));
    const ofTag = await runImport(data, "oci-layout", archive, "team/archive:two");
    assert.deepEqual([ofTag.sum.tags, ofTag.code], [1, 0]);
    assert.equal(await pullImage(berth, "team/archive", "two"), digests["two"]);
    writeFileSync(archive, gzipSync(readFileSync(archive)));
    const zipped = await run(["import", "oci-layout", archive, "team/zipped", "--data", data]);
    assert.deepEqual([zipped.code, /not a tar archive: decompress/.test(zipped.stderr)], [1, true]);
  });

  test("a layout with a link to a file outside, and one with wrong bytes, are not imported", async () => {
    const broken = inside("broken");
    assert.equal((await run(["export", "team/app:one", broken, "--data", data])).code, 0);
    const file = path.join(broken, "blobs/sha256", digests["one"]?.slice(7) ?? "");
    const bytes = readFileSync(file);
    rmSync(file);
    writeFileSync(inside("outside"), bytes);
    symlinkSync(inside("outside"), file);
    const linked = await runImport(data, "oci-layout", broken, "team/broken");
    assert.match(linked.skipped["one"] ?? "", /is not there$/);
    rmSync(file);
    writeFileSync(file, Buffer.concat([bytes, Buffer.from(" ")]));
    const wrong = await runImport(data, "oci-layout", broken, "team/broken");
    assert.match(wrong.skipped["one"] ?? "", /have the digest sha256:/);
  });

  test("an archive of docker save is imported under its names, and again with the same digest", async () => {
    const config = JSON.stringify({
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers" },
    });
    const layer = createTarball([{ path: "greeting", content: "hello" }]);
    const manifest = [
      {
        Config: "abc.json",
        RepoTags: ["docker.io/team/saved:1", "alone:2"],
        Layers: ["l/layer.tar"],
      },
      { Config: "abc.json", RepoTags: null, Layers: [] },
      { Config: "abc.json", RepoTags: ["gone:1"], Layers: ["none/layer.tar"] },
    ];
    const archive = inside("saved.tar");
    const entries = [
      { path: "manifest.json", content: JSON.stringify(manifest) },
      { path: "abc.json", content: config },
      { path: "l/layer.tar", content: layer },
    ];
    writeFileSync(archive, createTarball(entries));
    const { sum, skipped } = await runImport(data, "docker-archive", archive, "--to", "mia");
    assert.equal(sum.tags, 2);
    assert.deepEqual(skipped, {
      "abc.json": "it has no name: save it with one",
      "gone:1": "its file none/layer.tar is not there",
    });
    assert.equal(
      await pullImage(berth, "team/saved", "1"),
      await pullImage(berth, "mia/alone", "2"),
    );
    assert.equal(
      (await runImport(data, "docker-archive", archive, "--to", "mia")).sum.tags_there,
      2,
    );
  });

  test("a name without a repository, and a folder that is no layout, are refused in one line", async () => {
    const none = await run(["export", "team/none", inside("none"), "--data", data]);
    assert.deepEqual(
      [none.code, none.stderr],
      [1, "berth: repository name not known to registry\n"],
    );
    const empty = await run(["import", "oci-layout", folder, "team/app", "--data", data]);
    assert.deepEqual([empty.code, empty.stderr], [1, "berth: there is no index.json\n"]);
    const gone = await run(["import", "oci-layout", inside("gone"), "team/app", "--data", data]);
    assert.match(gone.stderr, /^berth: cannot read .*gone: no such file/);
  });
});
