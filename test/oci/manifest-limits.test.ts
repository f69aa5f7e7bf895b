import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import { bytesOf, ociImage, ociIndex, type Body } from "./manifest-fixtures.ts";
import { errorOf } from "./oracle.ts";

describe("a manifest with many entries", () => {
  const many = (count: number): readonly Body[] =>
    Array.from({ length: count }, (_, i) => ({
      mediaType: types.OCI_LAYER_GZIP,
      digest: `sha256:${i.toString(16).padStart(64, "0")}`,
      size: i,
      annotations: { "org.opencontainers.image.title": `part-${i}`, a: "b", c: "d" },
    }));
  const annotated = (keys: number): Body => ({
    ...ociImage,
    annotations: Object.fromEntries(Array.from({ length: keys }, (_, key) => [`k${key}`, ""])),
  });
  const refusal = (body: Body, type: string): string =>
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), type)).message;

  test("is accepted with 5,000 annotated layers, as of a model or a dataset", () => {
    const manifest = parseManifest(
      bytesOf({ ...ociImage, layers: many(5_000) }),
      types.OCI_MANIFEST,
    );
    assert.equal(manifest.references.length, 5_001);
  });

  test("is rejected above 5,000 layers or children, with the advice to split it", () => {
    const layers = refusal({ ...ociImage, layers: many(5_001) }, types.OCI_MANIFEST);
    assert.match(layers, /^layers has 5001 entries, more than 5000: split it/);
    const children = refusal({ ...ociIndex, manifests: many(5_001) }, types.OCI_INDEX);
    assert.match(children, /^manifests has 5001 entries/);
  });

  test("is rejected above 10,000 annotations, with the advice to split it", () => {
    assert.doesNotThrow(() => parseManifest(bytesOf(annotated(10_000)), types.OCI_MANIFEST));
    assert.match(
      refusal(annotated(350_000), types.OCI_MANIFEST),
      /^the manifest is too complex: more than 10000 keys in one object at byte \d+; split it/,
    );
  });
});
