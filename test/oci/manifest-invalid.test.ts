import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import {
  artifact,
  bytesOf,
  descriptor,
  digestFor,
  ociImage,
  ociIndex,
  type Body,
} from "./manifest-fixtures.ts";
import { accepts, errorOf } from "./oracle.ts";

/** Changes that make an OCI image invalid, by description. */
const brokenImages: Readonly<Record<string, Body>> = {
  "no schemaVersion": { schemaVersion: undefined },
  "schemaVersion 1": { schemaVersion: 1 },
  "schemaVersion as text": { schemaVersion: "2" },
  "no config": { config: undefined },
  "null as config": { config: null },
  "a list as config": { config: [] },
  "a config without digest": { config: { mediaType: "a/b", size: 1 } },
  "no layers": { layers: undefined },
  "an object as layers": { layers: {} },
  "null as a layer": { layers: [null] },
  "a negative size": { layers: [descriptor("a/b", "x", { size: -1 })] },
  "an unknown digest algorithm": { layers: [descriptor("a/b", "x", { digest: "md5:aa" })] },
  "an ftp url": { layers: [descriptor(types.OCI_LAYER, "x", { urls: ["ftp://a/b"] })] },
  "a url with a fragment": {
    layers: [descriptor(types.OCI_LAYER, "x", { urls: ["http://a/#b"] })],
  },
  "manifests too": { manifests: [] },
  "manifests too, as null": { manifests: null },
  "a text as subject": { subject: "sha256:aa" },
  "a subject without size": { subject: { mediaType: "a/b", digest: digestFor("x") } },
  "a list as annotations": { annotations: [] },
  "a number as annotation": { annotations: { a: 1 } },
  "a number as artifact type": { artifactType: 1 },
  "an artifact type that is too long": { artifactType: "x".repeat(256) },
  "Config beside config": { Config: ociImage["config"] },
  "LAYERS beside layers": { LAYERS: [] },
  Manifests: { Manifests: [] },
  mediatype: { mediatype: types.OCI_INDEX },
  SchemaVersion: { SchemaVersion: 2 },
  Subject: { Subject: artifact["subject"] },
  "the long s in layers": { "layer\u017f": [] },
  "a layer with Digest": { layers: [descriptor("a/b", "x", { Digest: digestFor("y") })] },
  "a config with Size": { config: descriptor("a/b", "x", { Size: 2 }) },
  "a subject with mediatype": { subject: descriptor("a/b", "x", { mediatype: "c/d" }) },
};

const brokenIndexes: Readonly<Record<string, Body>> = {
  "no manifests": { manifests: undefined },
  "an object as manifests": { manifests: {} },
  "a text as child": { manifests: ["x"] },
  "a child without media type": { manifests: [{ digest: digestFor("x"), size: 1 }] },
  "a text as platform": { manifests: [descriptor("a/b", "x", { platform: "linux" })] },
  "a platform with OS": { manifests: [descriptor("a/b", "x", { platform: { OS: "linux" } })] },
  "layers too": { layers: [] },
  "config too": { config: ociImage["config"] },
  "fsLayers too": { fsLayers: [] },
  "schemaVersion 3": { schemaVersion: 3 },
  Layers: { Layers: [] },
  MANIFESTS: { MANIFESTS: [] },
};

describe("parseManifest throws MANIFEST_INVALID", () => {
  for (const [name, change] of Object.entries(brokenImages)) {
    test(`for an image with ${name}`, () => {
      const body = { ...ociImage, ...change };
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), types.OCI_MANIFEST));
    });
  }

  for (const [name, change] of Object.entries(brokenIndexes)) {
    test(`for an index with ${name}`, () => {
      const body = { ...ociIndex, ...change };
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), types.OCI_INDEX));
    });
  }

  const text = JSON.stringify(ociImage);
  const config = JSON.stringify(ociImage["config"]);
  const notJson: Readonly<Record<string, Uint8Array | string>> = {
    nothing: "",
    "a list": "[]",
    null: "null",
    "half a document": text.slice(0, -1),
    "a document and a half": `${text}{`,
    "a byte order mark": `\ufeff${text}`,
    "UTF-16": Buffer.from(text, "utf16le"),
    "a broken UTF-8 sequence": Buffer.concat([
      Buffer.from(`${text.slice(0, -1)},"a":"`),
      Buffer.from([0xc3]),
      Buffer.from('"}'),
    ]),
    "a key twice": text.replace("{", `{"config":${config},`),
    "a key twice in a descriptor": text.replace('"size":', '"size":1,"size":'),
    "a key twice under an escape": text.replace("{", `{"confi\\u0067":${config},`),
    "a size beyond what can be counted": text.replace(/"size":\d+/, '"size":9007199254740993'),
    "a size that wraps around": text.replace(/"size":\d+/, '"size":18446744073709551617'),
    "a thousand brackets": `${text.slice(0, -1)},"a":${"[".repeat(1000)}${"]".repeat(1000)}}`,
  };
  for (const [name, body] of Object.entries(notJson)) {
    test(`for ${name}`, () => {
      const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const error = errorOf("MANIFEST_INVALID", () => parseManifest(bytes, types.OCI_MANIFEST));
      assert.equal(error.status, 400);
    });
  }

  test("for a schema 1 manifest under any media type", () => {
    const schema1 = {
      schemaVersion: 1,
      name: "a",
      tag: "b",
      fsLayers: [],
      history: [],
      signatures: [],
    };
    const headers = [types.DOCKER_SCHEMA1, types.DOCKER_SCHEMA1_SIGNED, "application/json"];
    for (const header of headers) {
      const error = errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(schema1), header));
      assert.match(error.message, /schema version 1/);
    }
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(schema1), undefined));
    const error = errorOf("MANIFEST_INVALID", () =>
      parseManifest(bytesOf({ schemaVersion: 2, manifests: [] }), types.DOCKER_SCHEMA1),
    );
    assert.match(error.message, /schema version 1/);
  });

  test("for the withdrawn OCI artifact manifest, with a message that says so", () => {
    const body = { mediaType: types.OCI_ARTIFACT_MANIFEST, blobs: [], artifactType: "a/b" };
    for (const header of [types.OCI_ARTIFACT_MANIFEST, undefined]) {
      const error = errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), header));
      assert.match(error.message, /withdrawn/);
    }
  });

  test("with the JSON path or the byte offset of the error", () => {
    const layers = [descriptor("a/b", "x"), descriptor("a/b", "y", { size: "1" })];
    const error = errorOf("MANIFEST_INVALID", () =>
      parseManifest(bytesOf({ ...ociImage, layers }), undefined),
    );
    assert.match(error.message, /^layers\[1\]\.size /);
    const twice = new TextEncoder().encode('{"a":1,"a":2}');
    const duplicate = errorOf("MANIFEST_INVALID", () => parseManifest(twice, "a/b"));
    assert.match(duplicate.message, /duplicate key "a" at byte 7/);
  });
});

test("parseManifest returns a manifest or throws MANIFEST_INVALID for any JSON value", () => {
  const field = fc.constantFrom(
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
    "mediaType",
  );
  const header = fc.constantFrom(undefined, "a/b", types.OCI_MANIFEST, types.OCI_INDEX);
  const base = fc.constantFrom(ociImage, ociIndex, artifact, {});
  fc.assert(
    fc.property(base, field, fc.jsonValue(), header, (body, name, value, contentType) => {
      accepts("MANIFEST_INVALID", () =>
        parseManifest(bytesOf({ ...body, [name]: value }), contentType),
      );
      accepts("MANIFEST_INVALID", () => parseManifest(bytesOf(value), contentType));
    }),
    { numRuns: 500 },
  );
});
