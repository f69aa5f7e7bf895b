import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { artifactWordsOf, type MediaTypes } from "../../src/catalog/artifact-types.ts";
import {
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../src/oci/media-types.ts";

const manifest = {
  ...{ kind: "image", mediaType: OCI_MANIFEST, artifactType: null },
  ...{ configMediaType: OCI_EMPTY, layerMediaType: undefined },
} as const satisfies MediaTypes;

describe("a manifest without a platform", () => {
  const cases: readonly (readonly [string, Partial<MediaTypes>, string, string])[] = [
    [
      "a chart of Helm",
      { configMediaType: "application/vnd.cncf.helm.config.v1+json" },
      ...(["helm", "Helm chart"] as const),
    ],
    [
      "a signature of cosign 2, which is an image with a layer of its own type",
      {
        configMediaType: OCI_IMAGE_CONFIG,
        layerMediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
      },
      ...(["signature", "cosign signature"] as const),
    ],
    [
      "a signature of cosign as a referrer",
      { artifactType: "application/vnd.dev.cosign.artifact.sig.v1+json" },
      ...(["signature", "cosign signature"] as const),
    ],
    [
      "a bundle of cosign 3",
      { artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json" },
      ...(["signature", "Sigstore bundle"] as const),
    ],
    [
      "a signature of Notation",
      { artifactType: "application/vnd.cncf.notary.signature" },
      ...(["signature", "Notation signature"] as const),
    ],
    [
      "an attestation of cosign 2",
      {
        configMediaType: OCI_IMAGE_CONFIG,
        layerMediaType: "application/vnd.dsse.envelope.v1+json",
      },
      ...(["attestation", "attestation"] as const),
    ],
    [
      "an SBOM of SPDX that ORAS has attached",
      { artifactType: "application/spdx+json" },
      ...(["sbom", "SBOM (SPDX)"] as const),
    ],
    [
      "an SBOM that cosign has attached",
      { configMediaType: OCI_IMAGE_CONFIG, layerMediaType: "text/spdx+json" },
      ...(["sbom", "SBOM (SPDX)"] as const),
    ],
    [
      "an SBOM of CycloneDX",
      { artifactType: "application/vnd.cyclonedx+json" },
      ...(["sbom", "SBOM (CycloneDX)"] as const),
    ],
    [
      "a module of the CNCF's format for Wasm",
      {
        configMediaType: "application/vnd.wasm.config.v0+json",
        layerMediaType: "application/wasm",
      },
      ...(["wasm", "WebAssembly module"] as const),
    ],
    [
      "a filter of Envoy, a Wasm layer",
      { layerMediaType: "application/vnd.module.wasm.content.layer.v1+wasm" },
      ...(["wasm", "WebAssembly module"] as const),
    ],
    [
      "a file that ORAS has pushed with a type",
      { artifactType: "application/vnd.acme.rocket.config" },
      ...(["other", "artifact application/vnd.acme.rocket.config"] as const),
    ],
    [
      "a file that ORAS before 1.1 has pushed",
      {
        configMediaType: "application/vnd.unknown.config.v1+json",
        layerMediaType: "text/plain",
      },
      ...(["other", "artifact text/plain"] as const),
    ],
    [
      "an artifact of Flux, by its config",
      {
        configMediaType: "application/vnd.cncf.flux.config.v1+json",
        layerMediaType: "application/vnd.cncf.flux.content.v1.tar+gzip",
      },
      ...(["other", "artifact application/vnd.cncf.flux.config.v1+json"] as const),
    ],
    [
      "a manifest of an unknown type",
      { kind: "opaque", mediaType: "application/vnd.acme.manifest", configMediaType: null },
      ...(["other", "artifact application/vnd.acme.manifest"] as const),
    ],
  ];
  for (const [name, types, type, words] of cases)
    test(`is named in words: ${name}`, () =>
      assert.deepEqual(artifactWordsOf({ ...manifest, ...types }), { type, words }));

  test("is named by the first 255 characters of a type of megabytes", () => {
    const artifactType = "cosign ".repeat(500_000);
    const beganAtMs = performance.now();
    const { words = "" } = artifactWordsOf({ ...manifest, artifactType }) ?? {};
    assert.equal(words.length, "artifact ".length + 255);
    assert.ok(performance.now() - beganAtMs < 1_000);
  });

  test("is no artifact as an index, or as a container image whose configuration is not here", () => {
    const layers = { configMediaType: OCI_IMAGE_CONFIG, layerMediaType: OCI_LAYER_GZIP };
    assert.equal(artifactWordsOf({ ...manifest, ...layers }), undefined);
    assert.equal(artifactWordsOf({ ...manifest, configMediaType: OCI_IMAGE_CONFIG }), undefined);
    const index = { kind: "index", mediaType: OCI_INDEX, configMediaType: null } as const;
    assert.equal(artifactWordsOf({ ...manifest, ...index }), undefined);
  });
});
