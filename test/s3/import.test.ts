import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { atEnd, createScratch } from "../clients/support/scratch.ts";
import { pattern } from "../storage/bytes.ts";
import { pushImage, startDistribution, type PushedImage } from "../support/distribution.ts";
import { runCommand, startProcess } from "./processes.ts";

const data = path.join(createScratch("s3-import"), "data");
const [own, other] = [`import-${process.pid}`, `distribution-${process.pid}`];
const one = await startProcess(data, own);
const run = (...args: readonly string[]) => runCommand(args, data, own);

async function assertPulls(name: string, tag: string, image: PushedImage): Promise<void> {
  const manifest = await fetch(`${one.url}/v2/${name}/manifests/${tag}`);
  assert.equal(manifest.headers.get("docker-content-digest"), digestOf(image.manifest));
  for (const digest of image.digests) {
    const blob = await fetch(`${one.url}/v2/${name}/blobs/${digest}`);
    assert.equal(digestOf(Buffer.from(await blob.arrayBuffer())), digest);
  }
}

test("the bucket of a distribution registry is imported with the times of pushes, and again what is new", async () => {
  const old = await startDistribution(createScratch("distribution"), undefined, {
    redirect: { disable: true },
    s3: {
      ...{ bucket: "berth", rootdirectory: `/${other}`, region: "us-east-1" },
      regionendpoint: process.env["BERTH_STORAGE_S3_ENDPOINT"],
      ...{ forcepathstyle: true, accesskey: "berth", secretkey: "berth-secret" },
    },
  });
  atEnd(() => old.stop());
  const layers = [pattern(11 * 2 ** 20), Buffer.from("a small layer")];
  const [app, solo] = [
    await pushImage(old.url, "team/app", "1", layers),
    await pushImage(old.url, "solo", "latest", [Buffer.from("solo")]),
  ];
  const place = `s3://berth/${other}/`;
  const planned = await run("import", "distribution", place, "--dry-run");
  assert.match(planned.output, /^would import 2 tags, 2 manifests and 5 blobs /m);
  const startMs = Date.now();
  const imported = await run("import", "distribution", place);
  assert.equal(imported.code, 0, imported.output);
  assert.match(imported.output, /^imported 2 tags, 2 manifests and 5 blobs /m);

  const next = await pushImage(old.url, "team/app", "2", [Buffer.from("next")]);
  const again = await run("import", "distribution", place);
  assert.match(again.output, /^imported 1 tags, 1 manifests and 1 blobs /m);
  assert.match(again.output, /^2 tags were there$/m);
  await old.stop();
  await assertPulls("team/app", "1", app);
  await assertPulls("library/solo", "latest", solo);
  await assertPulls("team/app", "2", next);
  const tag = await fetch(`${one.url}/v2/namespaces/team/repositories/app/tags/1`);
  const { tag_last_pushed: pushedAt } = (await tag.json()) as { readonly tag_last_pushed: string };
  assert.ok(Date.parse(pushedAt) < startMs, pushedAt);
  assert.match((await run("check")).output, /no errors/);
});

test("a bucket without a registry is refused, and a bucket that is not there", async () => {
  const none = await run("import", "distribution", "s3://berth/none");
  assert.equal(none.code, 1);
  assert.match(none.output, /^berth: s3:\/\/berth\/none has no docker\/registry\/v2\/repositories/);
  const missing = await run("import", "distribution", "s3://none/none");
  assert.equal(missing.code, 1);
  assert.match(missing.output, /^berth: .*NoSuchBucket/);
});
