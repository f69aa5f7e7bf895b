import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TagAnswer, TagItemAnswer } from "../../../src/api/tags.ts";
import { OCI_EMPTY, OCI_IMAGE_CONFIG } from "../../../src/oci/media-types.ts";
import { ociManifest, pushBlob, pushImageParts, putManifest } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";

const root = "/api/berth/v1/repositories";
const helmConfig = "application/vnd.cncf.helm.config.v1+json";
const helmLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

const berth = await startClosedBerth();
await berth.addUser("ann");
const ann = berth.as("ann");

/** Pushes an artifact whose config has this text. */
async function push(
  repository: string,
  tag: string,
  {
    config = "{}",
    configType = helmConfig,
    layerType = helmLayer,
    extra = {},
  }: {
    readonly config?: string;
    readonly configType?: string;
    readonly layerType?: string;
    readonly extra?: object;
  } = {},
): Promise<void> {
  const [configDigest, layer] = [
    await pushBlob(ann, repository, config),
    await pushBlob(ann, repository, `the layer of ${tag}`),
  ];
  const manifest = {
    ...{ schemaVersion: 2, mediaType: ociManifest },
    config: { mediaType: configType, digest: configDigest, size: Buffer.byteLength(config) },
    layers: [{ mediaType: layerType, digest: layer, size: `the layer of ${tag}`.length }],
    ...extra,
  };
  await putManifest(ann, repository, tag, manifest).expect(201);
}

async function listed(repository: string): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await ann.api.get(`${root}/${repository}/-/tags`).expect(200);
  const { results } = body as { readonly results: readonly TagItemAnswer[] };
  return Object.fromEntries(results.map(({ name, artifact }) => [name, artifact]));
}
const labels = async (repository: string) =>
  Object.fromEntries(
    Object.entries(await listed(repository)).map(([tag, artifact]) => [
      tag,
      (artifact as TagItemAnswer["artifact"])?.label,
    ]),
  );
const none = { name: null, version: null, app_version: null };

describe("a tag of an artifact", () => {
  test("has the name, the version and the app version of Chart.yaml for a Helm chart", async () => {
    const chart = { apiVersion: "v2", name: "web", version: "1.2.3", appVersion: "4.5.6" };
    await push("ann/charts", "1.2.3", { config: JSON.stringify(chart) });
    const library = { apiVersion: "v2", name: "lib", version: "0.1.0", type: "library" };
    await push("ann/charts", "0.1.0", { config: JSON.stringify(library) });
    const expected = {
      ...{ type: "helm", label: "Helm chart web 1.2.3 (app 4.5.6)" },
      ...{ name: "web", version: "1.2.3", app_version: "4.5.6" },
    };
    assert.deepEqual(await listed("ann/charts"), {
      "0.1.0": {
        ...{ type: "helm", label: "Helm chart lib 0.1.0" },
        ...{ name: "lib", version: "0.1.0", app_version: null },
      },
      "1.2.3": expected,
    });
    const { body } = await ann.api.get(`${root}/ann/charts/-/tags/1.2.3`).expect(200);
    assert.deepEqual((body as TagAnswer).artifact, expected);
  });

  test("is a chart without a name if its config is not a chart, is too large, or has other types", async () => {
    await push("ann/odd", "broken", { config: "{" });
    await push("ann/odd", "large", { config: JSON.stringify({ name: "x".repeat(70_000) }) });
    await push("ann/odd", "list", { config: "[1]" });
    await push("ann/odd", "typed", { config: '{"name":1,"version":" ","appVersion":{}}' });
    await push("ann/odd", "long", { config: JSON.stringify({ name: "x".repeat(1_000) }) });
    const long = `Helm chart ${"x".repeat(100)}`;
    assert.deepEqual(await labels("ann/odd"), {
      ...{ broken: "Helm chart", large: "Helm chart", list: "Helm chart", typed: "Helm chart" },
      long,
    });
  });

  test("is named in words for signatures, SBOMs, WebAssembly and other artifacts", async () => {
    const image = { configType: OCI_IMAGE_CONFIG };
    const simple = "application/vnd.dev.cosign.simplesigning.v1+json";
    await push("ann/other", "signed", { ...image, layerType: simple });
    await push("ann/other", "sbom", { ...image, layerType: "text/spdx+json" });
    await push("ann/other", "wasm", { configType: OCI_EMPTY, layerType: "application/wasm" });
    const artifactType = "application/vnd.acme.rocket";
    await push("ann/other", "rocket", {
      ...{ configType: OCI_EMPTY, layerType: "text/plain", extra: { artifactType } },
    });
    assert.deepEqual(await listed("ann/other"), {
      signed: { type: "signature", label: "cosign signature", ...none },
      sbom: { type: "sbom", label: "SBOM (SPDX)", ...none },
      wasm: { type: "wasm", label: "WebAssembly module", ...none },
      rocket: { type: "other", label: "artifact application/vnd.acme.rocket", ...none },
    });
  });

  test("is none for a container image, with or without a platform", async () => {
    const image = await pushImageParts(ann, "ann/images");
    await putManifest(ann, "ann/images", "1", image.manifest).expect(201);
    const plain = await pushImageParts(ann, "ann/images", { config: {}, layer: "plain" });
    await putManifest(ann, "ann/images", "2", plain.manifest).expect(201);
    assert.deepEqual(await listed("ann/images"), { "1": null, "2": null });
  });

  test("shows nothing of a chart whose config the repository has lost", async () => {
    const chart = JSON.stringify({ name: "lost", version: "1.0.0" });
    await push("ann/lost", "1.0.0", { config: chart });
    await berth.exec(
      "DELETE FROM blob_links WHERE repository_id = (SELECT id FROM repositories WHERE name = 'ann/lost')",
    );
    assert.deepEqual(await labels("ann/lost"), { "1.0.0": "Helm chart" });
  });
});
