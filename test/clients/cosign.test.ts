import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { refusal, tool } from "./support/command.ts";
import { parseManifest } from "./support/registry-reader.ts";
import { seed } from "./support/seeding.ts";
import { openStage } from "./support/stage.ts";

const { berth, folder, indexes } = await openStage("cosign");
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
const signing = ["--key", "cosign.key", "--tlog-upload=false", "--yes", ...insecure];
const verifying = ["--key", "cosign.pub", "--insecure-ignore-tlog", ...insecure];
const { digest } = indexes.oci.root.descriptor;
const signatureTag = `${digest.replace(":", "-")}.sig`;

await cosign("generate-key-pair");
for (const name of ["tagged", "referring", "bundled"]) {
  await seed(berth, `cosign/${name}`, "multi", indexes.oci);
}

type Claim = { critical: { image: { "docker-manifest-digest": string } } };

function claimedDigests(output: string): string[] {
  const claims = JSON.parse(output) as Claim[];
  return claims.map(({ critical }) => critical.image["docker-manifest-digest"]);
}

test("cosign verify reports that an unsigned image has no signatures", async () => {
  const image = `${berth.host}/cosign/tagged:multi`;
  assert.match(await refusal(cosign("verify", ...verifying, image)), /no signatures found/);
});

test("cosign signs an image with a signature tag and verifies it", async () => {
  const image = `${berth.host}/cosign/tagged@${digest}`;
  await cosign("sign", "--registry-referrers-mode=legacy", ...signing, image);
  assert.deepEqual(await berth.tags("cosign/tagged"), ["multi", signatureTag]);
  assert.deepEqual(await berth.referrers("cosign/tagged", digest), []);
  const { stdout } = await cosign("verify", ...verifying, `${berth.host}/cosign/tagged:multi`);
  assert.deepEqual(claimedDigests(stdout), [digest]);
});

test("cosign adds a second signature to the signature tag", async () => {
  const image = `${berth.host}/cosign/tagged@${digest}`;
  const annotation = ["-a", "signed=twice"];
  await cosign("sign", "--registry-referrers-mode=legacy", ...annotation, ...signing, image);
  const { layers } = parseManifest((await berth.manifest("cosign/tagged", signatureTag)).bytes);
  assert.equal(layers?.length, 2);
  const { stdout } = await cosign("verify", ...annotation, ...verifying, image);
  assert.deepEqual(claimedDigests(stdout), [digest]);
});

test("cosign signs an image through the referrers API, without a tag, and verifies it", async () => {
  const image = `${berth.host}/cosign/referring@${digest}`;
  await cosign("sign", "--registry-referrers-mode=oci-1-1", ...signing, image);
  assert.deepEqual(await berth.tags("cosign/referring"), ["multi"]);
  assert.deepEqual(
    (await berth.referrers("cosign/referring", digest)).map(({ artifactType }) => artifactType),
    ["application/vnd.dev.cosign.artifact.sig.v1+json"],
  );
  const { stdout } = await cosign("verify", "--experimental-oci11", ...verifying, image);
  assert.deepEqual(claimedDigests(stdout), [digest]);
});

test("cosign verify with another key fails for both kinds of signatures", async () => {
  await cosign("generate-key-pair", "--output-key-prefix", path.join(folder, "other"));
  const other = ["--key", "other.pub", "--insecure-ignore-tlog", ...insecure];
  for (const [name, options] of [
    ["tagged", []],
    ["referring", ["--experimental-oci11"]],
  ] as const) {
    const image = `${berth.host}/cosign/${name}@${digest}`;
    assert.match(
      await refusal(cosign("verify", ...options, ...other, image)),
      /no (matching )?signatures/,
    );
  }
});

test("cosign signs every image of an index and verifies one of them", async () => {
  const image = `${berth.host}/cosign/tagged@${digest}`;
  await cosign("sign", "--recursive", "--registry-referrers-mode=legacy", ...signing, image);
  const windows = indexes.oci.children[4]?.descriptor.digest;
  const { stdout } = await cosign("verify", ...verifying, `${berth.host}/cosign/tagged@${windows}`);
  assert.deepEqual(claimedDigests(stdout), [windows]);
});
