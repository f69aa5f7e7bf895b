import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ManifestAnswer } from "../../../src/api/manifests.ts";
import { manifestSchema } from "../../../src/api/manifests.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { ociManifest, pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

const root = "/api/berth/v1/repositories";
const ociIndex = "application/vnd.oci.image.index.v1+json";
const ociConfig = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";

const berth = await startClosedBerth();
await berth.addUser("ann");
await berth.addUser("mia");
const ann = berth.as("ann");

const created = "2026-01-02T03:04:05.123456789Z";
const config = {
  ...{ os: "windows", architecture: "amd64", "os.version": "10.0.20348.2762", created },
  config: {
    ...{ User: "app", WorkingDir: "/srv", Entrypoint: ["/bin/app"], Cmd: ["--help"] },
    ...{ Env: ["A=1", 7, "B=2"], Labels: { one: "1", two: 2 }, StopSignal: "SIGINT" },
    ...{ ExposedPorts: { "443/tcp": {} }, Volumes: { "/data": {} } },
    Healthcheck: { Test: ["CMD", "true"], Interval: 30e9, Retries: 3 },
  },
  history: [
    { created, created_by: "ADD rootfs" },
    { created: "yesterday", created_by: "ENV A=1", empty_layer: true },
    { created, created_by: "COPY app", empty_layer: false },
  ],
};

/** Pushes an image with the text as its config, the layer "here" and a foreign layer. */
async function pushImage(text: string, type = ociConfig, extra: object = {}) {
  const digest = await pushBlob(ann, "ann/app", text);
  const layer = await pushBlob(ann, "ann/app", "here");
  const foreign = digestOf(Buffer.from("elsewhere"));
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: ociManifest },
      config: { mediaType: type, digest, size: text.length },
      layers: [
        { mediaType: layerType, digest: layer, size: 4 },
        { mediaType: layerType, digest: foreign, size: 9, urls: ["https://example.com/layer"] },
      ],
      ...extra,
    }),
  );
  const image = digestOf(manifest);
  await putManifest(ann, "ann/app", image, manifest).expect(201);
  return { image, manifest, layer, foreign };
}

async function inspect(digest: string): Promise<ManifestAnswer> {
  const { body } = await ann.api.get(`${root}/ann/app/-/manifests/${digest}`).expect(200);
  return manifestSchema.strict().parse(body);
}

describe("GET /api/berth/v1/repositories/NAME/-/manifests/DIGEST", () => {
  test("shows the text, the configuration and the history of an image with its layers", async () => {
    const extra = { annotations: { "org.opencontainers.image.title": "app" } };
    const { image, manifest, layer, foreign } = await pushImage(
      ...([JSON.stringify(config), ociConfig, extra] as const),
    );
    const seen = await inspect(image);
    assert.equal(seen.raw, manifest.toString("utf8"));
    assert.deepEqual(
      [seen.kind, seen.media_type, seen.size, seen.platform?.os_version, seen.subject],
      ["image", ociManifest, manifest.length, "10.0.20348.2762", null],
    );
    assert.deepEqual(seen.annotations, extra.annotations);
    assert.deepEqual(seen.config, {
      created: "2026-01-02T03:04:05.123Z",
      entrypoint: ["/bin/app"],
      cmd: ["--help"],
      env: ["A=1", "B=2"],
      labels: { one: "1" },
      user: "app",
      working_dir: "/srv",
      ports: ["443/tcp"],
      volumes: ["/data"],
      stop_signal: "SIGINT",
      healthcheck: {
        ...{ test: ["CMD", "true"], interval: 30, timeout: null, start_period: null, retries: 3 },
      },
      is_complete: true,
    });
    assert.deepEqual(
      seen.steps.map((step) => [step.instruction, step.created, step.layer]),
      [
        [
          ...["ADD rootfs", "2026-01-02T03:04:05.123Z"],
          { digest: layer, size: 4, media_type: layerType, urls: [], is_here: true },
        ],
        ["ENV A=1", null, null],
        [
          ...["COPY app", "2026-01-02T03:04:05.123Z"],
          {
            ...{ digest: foreign, size: 9, media_type: layerType, is_here: false },
            urls: ["https://example.com/layer"],
          },
        ],
      ],
    );
    assert.equal(seen.step_count, 3);
  });

  test("shows the entries of an index with their platforms, and whether they are stored", async () => {
    const { digest: image, manifest } = await pushImageParts(ann, "ann/app");
    await putManifest(ann, "ann/app", image, manifest).expect(201);
    const entry = { mediaType: ociManifest, digest: image, size: manifest.length };
    const attestation = {
      ...{ ...entry, platform: { os: "unknown", architecture: "unknown" } },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": image,
      },
    };
    const platform = { os: "linux", architecture: "arm64", variant: "v8" };
    const cache = { mediaType: layerType, digest: await pushBlob(ann, "ann/app", "c"), size: 1 };
    const index = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: ociIndex },
        manifests: [{ ...entry, platform }, attestation, cache],
      }),
    );
    await putManifest(ann, "ann/app", "index", index, ociIndex).expect(201);
    const seen = await inspect(digestOf(index));
    assert.deepEqual(
      seen.children.map((child) => [child.platform?.variant, child.attests, child.is_here]),
      [
        ["v8", null, true],
        [null, image, true],
        [undefined, null, true],
      ],
    );
    assert.deepEqual([seen.child_count, seen.config, seen.steps], [3, null, []]);
  });

  for (const { what, text, problem } of [
    { what: "that is no JSON", text: "<config>", problem: "invalid" },
    { what: "that is a list", text: "[]", problem: "invalid" },
    { what: "that is nested too deeply", text: "[".repeat(9_000), problem: "invalid" },
    { what: "of more than 256 KiB", text: `{"a":"${"a".repeat(262_144)}"}`, problem: "too large" },
  ])
    test(`names the problem of a configuration ${what}, and lists the layers`, async () => {
      const seen = await inspect((await pushImage(text)).image);
      assert.deepEqual([seen.config, seen.config_problem], [null, problem]);
      assert.deepEqual(
        seen.steps.map(({ instruction, layer }) => [instruction, layer?.size]),
        [
          ["", 4],
          ["", 9],
        ],
      );
    });

  test("names the problem of a configuration that the repository has lost", async () => {
    const { image } = await pushImage(JSON.stringify({ ...config, lost: true }));
    await berth.exec(
      `DELETE FROM blob_links WHERE blob_id IN (SELECT blobs.id FROM blobs
         JOIN manifest_references ON manifest_references.digest = blobs.digest
         JOIN manifests ON manifests.id = manifest_references.manifest_id
         WHERE manifests.digest = '${image}' AND manifest_references.kind = 'config')`,
    );
    assert.equal((await inspect(image)).config_problem, "not here");
  });

  test("reads fields of wrong types as missing ones", async () => {
    const wrong = {
      ...{ created: 7, history: { created_by: "x" } },
      config: { Env: "A=1", Labels: ["a"], Entrypoint: {}, User: 0, Healthcheck: [] },
    };
    const seen = await inspect((await pushImage(JSON.stringify(wrong))).image);
    assert.deepEqual(
      [seen.config?.env, seen.config?.labels, seen.config?.entrypoint, seen.config?.user],
      [[], {}, null, ""],
    );
    assert.deepEqual([seen.config?.created, seen.config?.healthcheck], [null, null]);
    assert.equal(seen.step_count, 2);
  });

  test("says that a list of a configuration has more entries than it shows", async () => {
    const Env = Array.from({ length: 1_001 }, (_, at) => `A${at}=1`);
    const seen = await inspect((await pushImage(JSON.stringify({ config: { Env } }))).image);
    assert.deepEqual([seen.config?.env.length, seen.config?.is_complete], [1_000, false]);
  });

  test("reads no configuration of content that is no container image", async () => {
    const seen = await inspect(
      (await pushImage('{"name":"chart"}', "application/vnd.cncf.helm.config.v1+json")).image,
    );
    assert.deepEqual([seen.config, seen.config_problem, seen.step_count], [null, null, 2]);
  });

  test("is 404 for a missing manifest and a hidden repository, and 400 for an invalid digest", async () => {
    const { image } = await pushImage("{}");
    const missing = digestOf(Buffer.from("missing"));
    await ann.api.get(`${root}/ann/app/-/manifests/${missing}`).expect(404);
    await berth.as("mia").api.get(`${root}/ann/app/-/manifests/${image}`).expect(404);
    await berth.api.get(`${root}/ann/app/-/manifests/${image}`).expect(404);
    await ann.api.get(`${root}/ann/app/-/manifests/sha256:abc`).expect(400);
  });
});
