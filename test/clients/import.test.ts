import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import process from "node:process";
import { startDistribution } from "../support/distribution.ts";
import { isReplicated } from "./support/berth.ts";
import { tool } from "./support/command.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { assertLayoutHolds } from "./support/oci-layout.ts";
import { assertHolds, seed } from "./support/seeding.ts";
import { atEnd, createScratch } from "./support/scratch.ts";
import { createSmallImage } from "./support/small-image.ts";
import { forms, openStage } from "./support/stage.ts";

const { berth, folder, indexes, layouts } = await openStage("import");
const crane = tool("crane", { env: { HOME: folder, DOCKER_CONFIG: folder } }, ["--insecure"]);
const skopeo = tool("skopeo", {
  cwd: folder,
  env: { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" },
});
const cosign = tool("cosign", {
  cwd: folder,
  env: {
    HOME: folder,
    DOCKER_CONFIG: folder,
    COSIGN_PASSWORD: "a password",
    COSIGN_EXPERIMENTAL: "1",
    TUF_MIRROR: "http://127.0.0.1:9",
  },
});
const insecure = ["--allow-http-registry", "--allow-insecure-registry"];
const { digest } = indexes.oci.root.descriptor;
/** Blobs of a bucket cannot be files of another registry. */
const areFiles = !isReplicated && process.env["BERTH_STORAGE_DRIVER"] === undefined;

test("a folder of distribution is imported with all platforms and a signature that cosign verifies", async () => {
  const old = await startDistribution(createScratch("distribution-import"));
  atEnd(() => old.stop());
  const host = `127.0.0.1:${old.port}`;
  for (const form of forms) await crane("push", layouts[form], `${host}/import/${form}:multi`);
  await crane("push", layouts.oci, `${host}/solo:1`);
  await cosign("generate-key-pair");
  const signing = ["--key", "cosign.key", "--tlog-upload=false", "--yes", ...insecure];
  const mode = "--registry-referrers-mode=oci-1-1";
  await cosign("sign", mode, ...signing, `${host}/import/oci@${digest}`);
  const args = ["import", "distribution", old.folder, ...(areFiles ? ["--in-place"] : [])];
  // distribution has no referrers API, so cosign has written a tag for the list of referrers.
  assert.match(await berth.administer([...args, "--dry-run"]), /^would import 4 tags, /m);
  assert.match(await berth.administer(args), /^imported 4 tags, .*; 3 repositories were read$/m);
  assert.match(await berth.administer(args), /^4 tags were there$/m);
  await old.stop();

  for (const form of forms) await assertHolds(berth, `import/${form}`, "multi", indexes[form]);
  await assertHolds(berth, "solo", "1", indexes.oci);
  const verifying = ["--key", "cosign.pub", "--insecure-ignore-tlog", ...insecure];
  const image = `${berth.host}/import/oci@${digest}`;
  const { stdout } = await cosign("verify", "--experimental-oci11", ...verifying, image);
  assert.ok(stdout.includes(digest));
  assert.match(await berth.administer(["check"]), /no errors/);
});

test("a running distribution registry is imported by its API, with all platforms", async () => {
  const old = await startDistribution(createScratch("distribution-running"));
  atEnd(() => old.stop());
  for (const form of forms)
    await crane("push", layouts[form], `127.0.0.1:${old.port}/running/${form}:multi`);
  const args = ["import", "registry", old.url];
  assert.match(await berth.administer([...args, "--dry-run"]), /^would import 2 tags, /m);
  assert.match(await berth.administer([...args, "--namespace", "running"]), /^imported 2 tags, /m);
  await old.stop();
  for (const form of forms) await assertHolds(berth, `running/${form}`, "multi", indexes[form]);
});

test("an export is an OCI layout that skopeo and crane read, and layouts of both are imported", async () => {
  const layout = path.join(folder, "exported");
  assert.match(await berth.administer(["export", "solo:1", layout]), /^exported 1 tags, /);
  assertLayoutHolds(layout, indexes.oci);
  await skopeo("copy", "--all", `oci:${layout}:1`, `docker://${berth.host}/export/skopeo:1`);
  await assertHolds(berth, "export/skopeo", "1", indexes.oci);
  await crane("push", layout, `${berth.host}/export/crane:1`);
  await assertHolds(berth, "export/crane", "1", indexes.oci);

  const ofSkopeo = path.join(folder, "of-skopeo");
  await skopeo("copy", "--all", `docker://${berth.host}/solo:1`, `oci:${ofSkopeo}:v1`);
  await berth.administer(["import", "oci-layout", ofSkopeo, "layout/skopeo"]);
  await assertHolds(berth, "layout/skopeo", "v1", indexes.oci);
  // crane fetches foreign layers from public hosts only.
  const small = createSmallImage();
  await seed(berth, "layout/small", "1", small);
  const ofCrane = path.join(folder, "of-crane");
  await crane("pull", "--format", "oci", `${berth.host}/layout/small:1`, ofCrane);
  await berth.administer(["import", "oci-layout", ofCrane, "layout/crane:v2"]);
  await assertHolds(berth, "layout/crane", "v2", small);
});
