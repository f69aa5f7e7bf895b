import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  mkdtempSync,
} from "node:fs";
import path from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startBerth, type TestBerth } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { DistributionWriter, imageManifest } from "../../support/distribution-folder.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { assertChecked, pullImage, runImport, stateOf } from "../support/imports.ts";
import { berth as run, launch } from "../support.ts";

const folder = temporaryFolder();
const newFolder = (name: string): string => mkdtempSync(path.join(folder, `${name}-`));
async function openBerth(t: TestContext): Promise<TestBerth> {
  const berth = await startBerth(newFolder("data"));
  t.after(() => berth.close());
  return berth;
}

const layer = (text: string): Buffer => Buffer.from(text.repeat(100));

/** A registry with a shared layer, an index, a referrer, and a name without a namespace. */
function writeRegistry(): DistributionWriter & { readonly index: string } {
  const writer = new DistributionWriter(newFolder("distribution"));
  const base = layer("a shared layer");
  const first = writer.putImage("team/app", [base, layer("first")], "1", "latest");
  writer.putImage("team/app/worker", [base, layer("worker")], "1");
  writer.putImage("solo", [base], "1");
  const arm = writer.putImage("team/app", [base, layer("arm")]);
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const children = [first, arm].map((digest, at) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest,
    size: 1,
    platform: { os: "linux", architecture: at === 0 ? "amd64" : "arm64" },
  }));
  const index = writer.putManifest(
    "team/app",
    { schemaVersion: 2, mediaType, manifests: children },
    "multi",
  );
  const empty = writer.writeBlob(Buffer.from("{}"));
  writer.linkBlob("team/app", empty);
  const config = { mediaType: "application/vnd.oci.empty.v1+json", digest: empty, size: 2 };
  const subject = { mediaType, digest: index, size: 1 };
  const artifactType = "application/vnd.example.sbom";
  writer.putManifest("team/app", imageManifest({ artifactType, config, layers: [], subject }));
  return Object.assign(writer, { index });
}

describe("berth import distribution", () => {
  test("in place serves all images of the folder, and never changes or deletes its files", async () => {
    const { folder: old, index } = writeRegistry();
    const before = stateOf(old);
    const berth = await startClosedBerth();
    const { data } = berth;
    const admin = berth.as("admin");
    const planned = await runImport(data, "distribution", old, "--in-place", "--dry-run");
    assert.deepEqual(
      [planned.sum.tags, planned.sum.manifests, planned.sum.organisations, planned.code],
      [5, 6, ["team"], 0],
    );
    await admin.api.get("/v2/team/app/tags/list").expect(404);
    const { sum, code } = await runImport(data, "distribution", old, "--in-place");
    assert.deepEqual(
      [{ ...sum, bytes: planned.sum }, code],
      [{ ...planned.sum, dry_run: false, bytes: planned.sum }, 0],
    );
    for (const [name, tag] of [
      ["team/app", "1"],
      ["team/app/worker", "1"],
      ["library/solo", "1"],
    ])
      await pullImage(admin, name ?? "", tag ?? "");
    assert.equal(await pullImage(admin, "team/app", "multi"), index);
    const { body } = await admin.api.get(`/v2/team/app/referrers/${index}`).expect(200);
    assert.equal((body as { manifests: unknown[] }).manifests.length, 1);
    assert.match((await run(["org", "list", "--data", data])).stdout, /^team$/m);
    await assertChecked(data);

    await berth.deleteRepository("team/app");
    const collected = await run(["gc", "--now", "--data", data]);
    assert.equal(collected.code, 0, collected.stderr);
    await pullImage(admin, "team/app/worker", "1");
    assert.deepEqual(stateOf(old), before);
    await assertChecked(data);
  });

  test("by copy needs the folder no more, verifies each digest, and reads names into --to", async (t) => {
    const writer = writeRegistry();
    const wrong = writer.putImage("team/wrong", [layer("right bytes")], "1");
    const right = layer("right bytes");
    writeFileSync(writer.blobFile(writer.writeBlob(right)), layer("wrong bytes"));
    const large = writer.putImage("team/large", [randomBytes(300_000)], "1");
    const berth = await openBerth(t);
    const { skipped, sum, code } = await runImport(
      berth.data,
      "distribution",
      writer.folder,
      "--to",
      "other",
    );
    assert.deepEqual(Object.keys(skipped), ["team/wrong:1"]);
    assert.match(skipped["team/wrong:1"] ?? "", /the digest of the bytes is/);
    assert.deepEqual([sum.tags, sum.organisations, code], [6, ["other", "team"], 1]);
    rmSync(writer.folder, { recursive: true });
    await pullImage(berth, "other/solo", "1");
    assert.equal(await pullImage(berth, "team/large", "1"), large);
    await berth.api.get(`/v2/team/wrong/manifests/${wrong}`).expect(404);
    await assertChecked(berth.data);
  });

  test("killed in the middle and run again gives the same as one run", async (t) => {
    const writer = writeRegistry();
    for (let at = 0; at < 60; at += 1)
      writer.putImage(`many/app${at % 6}`, [layer(`layer ${at}`)], `1.${at}`);
    const [cut, whole] = [await openBerth(t), await openBerth(t)];
    const args = ["import", "distribution", writer.folder, "--in-place", "--data"];
    const running = await launch([...args, cut.data]);
    const isBegun = async (): Promise<boolean> =>
      Number(await cut.tables.value("SELECT count(*) FROM tags")) > 0;
    for (let tries = 0; tries < 2_000 && !(await isBegun()); tries += 1) await pause(5);
    running.child.kill("SIGKILL");
    await running.ended;
    const [again, once] = [await run([...args, cut.data]), await run([...args, whole.data])];
    assert.deepEqual([again.code, once.code], [0, 0], again.stdout + again.stderr);
    const names = "SELECT repositories.name AS name, tags.name AS tag, digest FROM tags";
    const joined = `${names} JOIN manifests ON manifests.id = manifest_id JOIN repositories ON repositories.id = tags.repository_id ORDER BY 1, 2`;
    assert.deepEqual(await cut.tables.rows(joined), await whole.tables.rows(joined));
    const sums = "SELECT count(*) AS n, sum(size_bytes) AS bytes FROM blobs";
    assert.deepEqual(await cut.tables.rows(sums), await whole.tables.rows(sums));
    await assertChecked(cut.data);
  });

  test("keeps tags that point elsewhere in the registry, and moves them with --overwrite", async (t) => {
    const { folder: old } = writeRegistry();
    const berth = await openBerth(t);
    await runImport(berth.data, "distribution", old);
    const newer = new DistributionWriter(newFolder("newer"));
    const digest = newer.putImage("team/app", [layer("newer")], "1");
    const kept = await runImport(berth.data, "distribution", newer.folder);
    assert.match(kept.skipped["team/app:1"] ?? "", /^the tag points at sha256:.* --overwrite/);
    assert.notEqual(await pullImage(berth, "team/app", "1"), digest);
    const moved = await runImport(berth.data, "distribution", newer.folder, "--overwrite");
    assert.deepEqual([moved.sum.tags, moved.code], [1, 0]);
    assert.equal(await pullImage(berth, "team/app", "1"), digest);
  });

  test("in place needs the folder at the next start, which names the link to change", async (t) => {
    const { folder: old } = writeRegistry();
    const berth = await openBerth(t);
    await runImport(berth.data, "distribution", old, "--in-place");
    renameSync(old, `${old}-moved`);
    const refused = await run(["check", "--data", berth.data]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /has no blobs, and the images that were imported in place need/);
    const link = path.join(berth.data, "blobs/imported/1");
    assert.ok(refused.stderr.includes(link) && existsSync(path.dirname(link)));
    const target = readlinkSync(link);
    rmSync(link);
    symlinkSync(target.replace(old, `${old}-moved`), link);
    await assertChecked(berth.data);
    await pullImage(berth, "team/app", "multi");
    assert.deepEqual(readdirSync(path.dirname(link)), ["1"]);
  });

  test("in place is backed up with links, and the backup has the bytes", async (t) => {
    const { folder: old } = writeRegistry();
    const berth = await openBerth(t);
    await runImport(berth.data, "distribution", old, "--in-place");
    const backup = path.join(folder, "backup");
    const made = await run(["backup", "create", backup, "--link", "--data", berth.data]);
    assert.equal(made.code, 0, made.stdout + made.stderr);
    rmSync(old, { recursive: true });
    const verified = await run(["backup", "verify", backup]);
    assert.deepEqual([verified.stdout, verified.code], ["1 points: no errors\n", 0]);
  });

  test("refuses a folder that is not that of a registry, and options that do not fit", async (t) => {
    const berth = await openBerth(t);
    const of = (...args: string[]) =>
      run(["import", "distribution", ...args, "--data", berth.data]);
    const wrong = await of(berth.data);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /has no docker\/registry\/v2\/repositories and blobs/);
    assert.equal((await of(berth.data, "--verify")).code, 2);
    assert.equal((await of(berth.data, "--copy", "--in-place")).code, 2);
    assert.equal((await of("s3://bucket/prefix", "--in-place")).code, 2);
    assert.equal((await of(berth.data, "--s3", "s3.yaml")).code, 2);
    assert.match((await of("s3://")).stderr, /s3:\/\/ has no bucket: write s3:\/\/BUCKET\/PREFIX/);
    const { folder: old } = writeRegistry();
    assert.match((await of(old, "--to", "Not A Name")).stderr, /invalid account name/);
    assert.match((await of(old, "--owner", "nobody")).stderr, /there is no user nobody/);
  });
});
