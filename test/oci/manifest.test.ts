import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import * as fixtures from "./manifest-fixtures.ts";
import type { Body } from "./manifest-fixtures.ts";
import { accepts, errorOf } from "./oracle.ts";

const { artifact, bytesOf, descriptor, digestFor, dockerImage, ociImage, ociIndex } = fixtures;

const URLS = ["https://example.com/layer.tar.gz"];

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
    const manifest = parseManifest(bytesOf(fixtures.dockerList), types.DOCKER_MANIFEST_LIST);
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
    const manifest = parseManifest(bytesOf(fixtures.attestedIndex), types.OCI_INDEX);
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
    const { references } = parseManifest(bytesOf(fixtures.windowsIndex), types.OCI_INDEX);
    assert.equal(references.length, 4);
    assert.deepEqual(
      references
        .filter(({ platform }) => platform?.os === "windows")
        .map((r) => r.platform?.osVersion),
      fixtures.windowsBuilds,
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

describe("the media type of a manifest", () => {
  test("is the Content-Type header without parameters", () => {
    const header = `${types.OCI_MANIFEST}; charset=utf-8`;
    assert.equal(parseManifest(bytesOf(ociImage), header).mediaType, types.OCI_MANIFEST);
  });

  test("is the mediaType of the body when the header is missing or empty", () => {
    for (const header of [undefined, "", " "]) {
      assert.equal(parseManifest(bytesOf(dockerImage), header).mediaType, types.DOCKER_MANIFEST);
    }
  });

  test("is inferred from the fields as OCI when header and body have none", () => {
    const { mediaType: _, ...image } = dockerImage;
    assert.equal(parseManifest(bytesOf(image), undefined).mediaType, types.OCI_MANIFEST);
    const { mediaType: __, ...index } = ociIndex;
    assert.equal(parseManifest(bytesOf(index), undefined).mediaType, types.OCI_INDEX);
    assert.equal(parseManifest(bytesOf(index), types.DOCKER_MANIFEST_LIST).kind, "index");
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({ schemaVersion: 2 }), undefined));
  });

  test("must be equal in header and body, or the manifest is rejected", () => {
    const mismatches: readonly [Body, string][] = [
      [ociImage, types.DOCKER_MANIFEST],
      [ociImage, types.OCI_INDEX],
      [ociImage, "application/json"],
      [ociImage, types.OCI_MANIFEST.toUpperCase()],
      [{ ...ociImage, mediaType: `${types.OCI_MANIFEST}; v=1` }, types.OCI_MANIFEST],
      [{ ...ociImage, mediaType: 2 }, types.OCI_MANIFEST],
      [{ ...ociImage, mediaType: "" }, types.OCI_MANIFEST],
    ];
    for (const [body, header] of mismatches) {
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), header));
    }
    const body = { ...ociIndex, mediaType: `${types.OCI_INDEX};v=1` };
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf(body), undefined));
  });

  test("is rejected when the header is not a type/subtype", () => {
    for (const header of ["json", "*/*", "a/b, c/d", ";", "/"]) {
      errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({}), header));
    }
  });

  test("in upper case is validated like the same type in lower case", () => {
    const header = types.OCI_MANIFEST.toUpperCase();
    const { mediaType: _, ...image } = ociImage;
    assert.equal(parseManifest(bytesOf(image), header).references.length, 4);
    errorOf("MANIFEST_INVALID", () => parseManifest(bytesOf({}), header));
  });
});

describe("a manifest of an unknown media type", () => {
  const header = "application/vnd.example.thing.v3+json";

  test("is opaque and has no references, for any values of known fields", () => {
    const body = { schemaVersion: "three", config: "none of ours", layers: 7 };
    const manifest = parseManifest(bytesOf(body), header);
    assert.deepEqual(manifest, { mediaType: header, kind: "opaque", references: [] });
    assert.equal(parseManifest(bytesOf({ mediaType: header }), undefined).kind, "opaque");
  });

  test("has a subject, an artifact type and annotations if they are valid", () => {
    const { subject, annotations } = artifact;
    const whole = parseManifest(bytesOf({ subject, annotations, artifactType: "a/b" }), header);
    assert.equal(whole.subject?.digest, digestFor("the image"));
    assert.equal(whole.artifactType, "a/b");
    assert.deepEqual(whole.annotations, annotations);

    const broken = { subject: { digest: "x" }, annotations: { a: 1 }, artifactType: "a/b" };
    assert.deepEqual(parseManifest(bytesOf(broken), header), {
      mediaType: header,
      kind: "opaque",
      artifactType: "a/b",
      references: [],
    });
  });

  test("references every object with a digest at any depth, except its subject", () => {
    const named = (content: string) => ({ digest: digestFor(content), size: content.length });
    const body = {
      subject: named("the subject"),
      blobs: [{ ...named("a blob"), mediaType: "a/b" }, named("a blob")],
      deep: { er: [{ digest: digestFor("deeper") }, { digest: "no digest" }] },
    };
    const { references } = parseManifest(bytesOf(body), header);
    assert.deepEqual(
      references.map(({ digest, mediaType, sizeBytes, kind, required }) => ({
        ...{ digest, mediaType, sizeBytes, kind, required },
      })),
      [
        {
          ...{ digest: digestFor("a blob"), mediaType: "a/b", sizeBytes: 6 },
          ...{ kind: "child", required: false },
        },
        {
          ...{ digest: digestFor("deeper"), mediaType: types.OCTET_STREAM, sizeBytes: 0 },
          ...{ kind: "child", required: false },
        },
      ],
    );
  });

  test("is rejected unless it is strict JSON, an object and one kind of document", () => {
    const refused = [
      "[]",
      "null",
      '"x"',
      "",
      "{",
      '{"a":1,"a":2}',
      "{}{}",
      '{"manifests":[],"layers":[]}',
    ];
    for (const text of [
      ...refused,
      '{"Subject":{}}',
      '{"MediaType":"a/b"}',
      '{"mediaType":"c/d"}',
    ]) {
      errorOf("MANIFEST_INVALID", () => parseManifest(new TextEncoder().encode(text), header));
    }
  });
});

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

describe("the layers of a manifest", () => {
  const required = (layer: Body, base = ociImage): boolean | undefined =>
    parseManifest(bytesOf({ ...base, layers: [layer] }), undefined).references[1]?.required;

  const foreign = [types.DOCKER_FOREIGN_LAYER, types.DOCKER_FOREIGN_LAYER_GZIP];
  const nondistributable = [
    types.OCI_NONDISTRIBUTABLE_LAYER,
    types.OCI_NONDISTRIBUTABLE_LAYER_GZIP,
    types.OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
  ];

  test("are optional if they have urls, for any media type", () => {
    const ordinary = [types.OCI_LAYER_GZIP, types.DOCKER_LAYER, "application/octet-stream"];
    for (const mediaType of [...foreign, ...nondistributable, ...ordinary]) {
      assert.equal(required(descriptor(mediaType, "x", { urls: URLS })), false);
      assert.equal(required(descriptor(mediaType, "x", { urls: URLS }), dockerImage), false);
    }
  });

  test("without urls are required if nondistributable, and rejected if Docker foreign layers", () => {
    for (const urls of [undefined, null, []]) {
      for (const mediaType of nondistributable) {
        assert.equal(required(descriptor(mediaType, "x", { urls })), true);
      }
      for (const mediaType of foreign) {
        const error = errorOf("MANIFEST_INVALID", () =>
          required(descriptor(mediaType, "x", { urls })),
        );
        assert.match(error.message, /^layers\[0\]\.urls /);
      }
    }
  });
});

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

test("parseManifest returns the subject when its key has a Unicode escape", () => {
  const subject = descriptor(types.OCI_MANIFEST, "subject");
  const plain = JSON.stringify({ ...ociImage, subject });
  const text = plain.replace('"subject"', '"\\u0073ubject"');
  // After this manifest of another pusher, JSON.parse in Node 24 and 26 reads the key as "\\u0073u".
  JSON.parse(plain.replace('"subject"', '"\\\\u0073u"'));
  const manifest = parseManifest(Buffer.from(text), types.OCI_MANIFEST);
  assert.equal(manifest.subject?.digest, subject["digest"]);
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
