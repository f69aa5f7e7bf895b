import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import {
  artifact,
  attestedIndex,
  bytesOf,
  descriptor,
  digestFor,
  dockerImage,
  dockerList,
  ociImage,
  ociIndex,
  windowsBuilds,
  windowsIndex,
} from "./manifest-fixtures.ts";

describe("parseManifest", () => {
  test("returns the config and the layers of a Docker image in pushed order", () => {
    const manifest = parseManifest(bytesOf(dockerImage), types.DOCKER_MANIFEST);
    assert.equal(manifest.kind, "image");
    assert.equal(manifest.mediaType, types.DOCKER_MANIFEST);
    assert.equal(manifest.artifactType, types.DOCKER_IMAGE_CONFIG);
    assert.deepEqual(
      manifest.references.map(({ kind, digest, required }) => ({ kind, digest, required })),
      [
        { kind: "config", digest: digestFor("docker config"), required: true },
        { kind: "layer", digest: digestFor("docker base"), required: true },
        { kind: "layer", digest: digestFor("docker app"), required: true },
      ],
    );
  });

  test("returns the children of a Docker manifest list with platforms and features", () => {
    const manifest = parseManifest(bytesOf(dockerList), types.DOCKER_MANIFEST_LIST);
    assert.equal(manifest.kind, "index");
    assert.deepEqual(
      manifest.references.map(({ platform }) => platform),
      [
        { architecture: "amd64", os: "linux", features: ["sse4"] },
        { architecture: "arm", os: "linux", variant: "v7" },
      ],
    );
  });

  test("returns the annotations of an OCI image, and its config's media type as artifact type", () => {
    const manifest = parseManifest(bytesOf(ociImage), types.OCI_MANIFEST);
    assert.equal(manifest.kind, "image");
    assert.equal(manifest.references.length, 4);
    assert.equal(manifest.artifactType, types.OCI_IMAGE_CONFIG);
    assert.equal(manifest.subject, undefined);
    assert.deepEqual(manifest.annotations, ociImage["annotations"]);
  });

  test("returns the children of an OCI index, also nested indexes, and its artifact type if given", () => {
    const manifest = parseManifest(bytesOf(ociIndex), types.OCI_INDEX);
    assert.equal(manifest.kind, "index");
    assert.deepEqual(
      manifest.references.map(({ kind, mediaType, required }) => [kind, mediaType, required]),
      [
        ["child", types.OCI_MANIFEST, true],
        ["child", types.OCI_INDEX, true],
      ],
    );
    assert.ok(!("artifactType" in manifest));
    const typed = parseManifest(bytesOf({ ...ociIndex, artifactType: "a/b" }), types.OCI_INDEX);
    assert.equal(typed.artifactType, "a/b");
  });

  test("returns the artifact type, the subject and the annotations of an artifact", () => {
    const manifest = parseManifest(bytesOf(artifact), types.OCI_MANIFEST);
    assert.equal(manifest.artifactType, "application/vnd.example.sbom+json");
    assert.deepEqual(manifest.subject, {
      mediaType: types.OCI_MANIFEST,
      digest: digestFor("the image"),
      sizeBytes: "the image".length,
    });
    assert.deepEqual(manifest.annotations, { "org.example.tool": "scanner" });
  });

  test("returns the attestation in a BuildKit index as a child with its annotations", () => {
    const manifest = parseManifest(bytesOf(attestedIndex), types.OCI_INDEX);
    const [image, attestation] = manifest.references;
    assert.equal(attestation?.annotations?.["vnd.docker.reference.type"], "attestation-manifest");
    assert.equal(attestation.annotations["vnd.docker.reference.digest"], image?.digest);
    assert.deepEqual(attestation.platform, { architecture: "unknown", os: "unknown" });
  });

  test("returns the blobs in a BuildKit cache index as children", () => {
    const layer = descriptor(types.OCI_LAYER_GZIP, "cached layer");
    const config = descriptor("application/vnd.buildkit.cacheconfig.v0", "cache config");
    const body = { ...ociIndex, manifests: [layer, config] };
    const { references } = parseManifest(bytesOf(body), types.OCI_INDEX);
    assert.deepEqual(
      references.map(({ kind }) => kind),
      ["child", "child"],
    );
  });

  test("returns every build in a Windows index in pushed order", () => {
    const { references } = parseManifest(bytesOf(windowsIndex), types.OCI_INDEX);
    assert.equal(references.length, 4);
    assert.deepEqual(
      references
        .filter(({ platform }) => platform?.os === "windows")
        .map((r) => r.platform?.osVersion),
      windowsBuilds,
    );
    assert.equal(references[1]?.platform?.os, "linux");
  });

  test("returns two children for two entries with the same digest", () => {
    const child = descriptor(types.OCI_MANIFEST, "same");
    const manifests = ["amd64", "arm64"].map((architecture) => ({
      ...child,
      platform: { os: "linux", architecture },
    }));
    const { references } = parseManifest(bytesOf({ ...ociIndex, manifests }), types.OCI_INDEX);
    assert.deepEqual(
      references.map(({ platform }) => platform?.architecture),
      ["amd64", "arm64"],
    );
  });

  test("accepts an image without layers and an index without children, as [] or as null", () => {
    for (const none of [[], null]) {
      const image = parseManifest(bytesOf({ ...ociImage, layers: none }), types.OCI_MANIFEST);
      assert.equal(image.references.length, 1);
      const index = parseManifest(bytesOf({ ...ociIndex, manifests: none }), types.OCI_INDEX);
      assert.deepEqual(index.references, []);
    }
  });

  test("accepts unknown fields", () => {
    const extra = { newUnspecifiedField: null, "org.example": { manifests: [] }, history: [1] };
    const config = descriptor(types.OCI_IMAGE_CONFIG, "c", { newUnspecifiedField: "aGVsbG8=" });
    const manifest = parseManifest(bytesOf({ ...ociImage, ...extra, config }), types.OCI_MANIFEST);
    assert.equal(manifest.references[0]?.digest, digestFor("c"));
  });
});

test("parseManifest returns the subject when its key has a Unicode escape", () => {
  const subject = descriptor(types.OCI_MANIFEST, "subject");
  const plain = JSON.stringify({ ...ociImage, subject });
  const text = plain.replace('"subject"', '"\\u0073ubject"');
  // After this manifest of another pusher, JSON.parse in Node 24 and 26 reads the key as "\\u0073u".
  JSON.parse(plain.replace('"subject"', '"\\\\u0073u"'));
  const manifest = parseManifest(Buffer.from(text), types.OCI_MANIFEST);
  assert.equal(manifest.subject?.digest, subject["digest"]);
});

test("parseManifest keeps the pushed order of layers of any media type", () => {
  const layer = fc.tuple(
    fc.constantFrom(types.OCI_LAYER_GZIP, "a/b", types.DOCKER_LAYER),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(layer, { maxLength: 20 }), (items) => {
      const layers = items.map(([mediaType, content]) => descriptor(mediaType, content));
      const { references } = parseManifest(bytesOf({ ...ociImage, layers }), types.OCI_MANIFEST);
      assert.deepEqual(
        references
          .slice(1)
          .map(({ mediaType, digest, sizeBytes }) => [mediaType, digest, sizeBytes]),
        items.map(([mediaType, content]) => [mediaType, digestFor(content), content.length]),
      );
    }),
  );
});
