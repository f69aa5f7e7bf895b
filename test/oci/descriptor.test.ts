import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDescriptor } from "../../src/oci/descriptor.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { OCI_EMPTY } from "../../src/oci/media-types.ts";
import { accepts, errorOf, nearly } from "./oracle.ts";

const content = new TextEncoder().encode("{}");
const digest = digestOf(content);
const plain = { mediaType: OCI_EMPTY, digest, size: 2 };

/** The error detail of a rejected descriptor: the JSON path and the reason. */
function refusalOf(value: unknown): unknown {
  return errorOf("MANIFEST_INVALID", () => parseDescriptor(value, "layers[3]")).detail;
}

function pathOf(value: unknown): unknown {
  const detail = refusalOf(value);
  assert.ok(typeof detail === "object" && detail !== null && "path" in detail);
  return detail.path;
}

describe("parseDescriptor", () => {
  test("returns all known fields, and omits fields that are null or unknown", () => {
    const whole = {
      ...plain,
      artifactType: "application/vnd.example",
      urls: ["https://example.com/blob", "http://example.com:8080/b?x=1"],
      annotations: { "": "empty key", "org.example": "" },
      platform: { os: "linux", architecture: "arm", variant: "v7" },
      data: "e30=",
      newUnspecifiedField: "kept out",
    };
    assert.deepEqual(parseDescriptor(whole, "config"), {
      mediaType: OCI_EMPTY,
      digest,
      sizeBytes: 2,
      artifactType: whole.artifactType,
      urls: whole.urls,
      annotations: whole.annotations,
      platform: whole.platform,
    });
    const nulls = { artifactType: null, urls: null, annotations: null, platform: null, data: null };
    const expected = { mediaType: OCI_EMPTY, digest, sizeBytes: 2 };
    assert.deepEqual(parseDescriptor({ ...plain, ...nulls }, ""), expected);
    assert.deepEqual(parseDescriptor({ ...plain, artifactType: "" }, ""), expected);
  });

  test("accepts a sha256 digest and a sha512 digest", () => {
    const sha512 = digestOf(content, "sha512");
    assert.equal(parseDescriptor({ ...plain, digest: sha512, data: "e30=" }, "").digest, sha512);
  });

  test("rejects an invalid descriptor with the JSON path of the error", () => {
    assert.equal(pathOf([]), "layers[3]");
    assert.equal(pathOf(null), "layers[3]");
    assert.equal(pathOf("sha256:abc"), "layers[3]");
    assert.equal(pathOf({ digest, size: 2 }), "layers[3].mediaType");
    assert.equal(pathOf({ mediaType: OCI_EMPTY, size: 2 }), "layers[3].digest");
    assert.equal(pathOf({ mediaType: OCI_EMPTY, digest }), "layers[3].size");
    assert.equal(pathOf({ ...plain, platform: { os: 1 } }), "layers[3].platform.os");
    assert.equal(pathOf({ ...plain, annotations: { a: 1 } }), "layers[3].annotations.a");
    const message = errorOf("MANIFEST_INVALID", () => parseDescriptor({}, "config")).message;
    assert.equal(message, "config.mediaType is missing");
  });

  const wrong: readonly [string, Record<string, unknown>][] = [
    ["mediaType", { mediaType: 7 }],
    ["mediaType", { mediaType: "" }],
    ["mediaType", { mediaType: "" }],
    ["mediaType", { mediaType: "a/b\0" }],
    ["artifactType", { artifactType: "x".repeat(256) }],
    ["artifactType", { artifactType: {} }],
    ["digest", { digest: "sha256:abc" }],
    ["digest", { digest: `md5:${"a".repeat(32)}` }],
    ["digest", { digest: digest.toUpperCase() }],
    ["digest", { digest: ["x"] }],
    ["size", { size: -1 }],
    ["size", { size: 1.5 }],
    ["size", { size: "2" }],
    ["size", { size: null }],
    ["size", { size: 2 ** 53 }],
    ["urls", { urls: "https://example.com" }],
    ["urls[0]", { urls: [7] }],
    ["annotations", { annotations: ["a"] }],
    ["annotations.a", { annotations: { a: false } }],
    ["platform", { platform: "linux/amd64" }],
    ["platform.os.features", { platform: { "os.features": "win32k" } }],
    ["platform.os.features[0]", { platform: { "os.features": [1] } }],
    ["platform.architecture", { platform: { architecture: "amd\u000064" } }],
  ];
  for (const [place, part] of wrong) {
    test(`rejects ${JSON.stringify(part)} at ${place}`, () => {
      assert.equal(pathOf({ ...plain, ...part }), `layers[3].${place}`);
    });
  }

  test("rejects a key that differs from a known key only in case", () => {
    const known = [
      "mediaType",
      "digest",
      "size",
      "artifactType",
      "urls",
      "annotations",
      "platform",
      "data",
    ];
    const variant = fc
      .constantFrom(...known)
      .chain((name) => fc.mixedCase(fc.constant(name)).map((spelling) => ({ name, spelling })));
    fc.assert(
      fc.property(variant, ({ name, spelling }) => {
        fc.pre(spelling !== name);
        assert.equal(pathOf({ ...plain, [spelling]: "x" }), `layers[3].${spelling}`);
      }),
    );
    for (const spelling of ["\u017fize", "dige\u017ft", "MEDIATYPE", "mediatype"]) {
      assert.equal(pathOf({ ...plain, [spelling]: "x" }), `layers[3].${spelling}`);
    }
    for (const spelling of ["OS", "Architecture", "os.Version", "OS.features"]) {
      const platform = { os: "linux", [spelling]: "x" };
      assert.equal(pathOf({ ...plain, platform }), `layers[3].platform.${spelling}`);
    }
    assert.doesNotThrow(() => parseDescriptor({ ...plain, sizes: 1, Custom: 2 }, ""));
  });

  test("accepts any inline data, because consumers verify it", () => {
    for (const data of ["e30=", "W10=", "e30", "not base64", ""])
      assert.equal(parseDescriptor({ ...plain, data }, "").digest, plain.digest);
  });

  test("accepts any text in urls, which are checked only for layers", () => {
    const urls = ["example.com/url", "ftp://a/#b", "", "https://a b/"];
    assert.deepEqual(parseDescriptor({ ...plain, urls }, "manifests[0]").urls, urls);
  });

  test("accepts a media type without a slash, as `oras push f.txt:sbom` writes it", () => {
    const named = parseDescriptor({ ...plain, mediaType: "sbom", artifactType: "scan" }, "");
    assert.deepEqual([named.mediaType, named.artifactType], ["sbom", "scan"]);
    for (const mediaType of ["", "a\nb", "x".repeat(256), 7])
      assert.match(JSON.stringify(refusalOf({ ...plain, mediaType })), /mediaType/);
  });

  test("omits annotations whose value is null", () => {
    const annotations = { kept: "text", dropped: null };
    assert.deepEqual(parseDescriptor({ ...plain, annotations }, "").annotations, { kept: "text" });
  });
});

test("parseDescriptor throws only MANIFEST_INVALID for any JSON value", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(plain)));
  const part = fc.constantFrom(
    "mediaType",
    "digest",
    "size",
    "urls",
    "platform",
    "data",
    "annotations",
  );
  const object = fc.tuple(part, value).map(([name, item]): unknown => ({ ...plain, [name]: item }));
  const text = nearly(fc.constant(digest)).map((item): unknown => ({ ...plain, digest: item }));
  fc.assert(
    fc.property(fc.oneof(value, object, text), (json) => {
      accepts("MANIFEST_INVALID", () => parseDescriptor(json, "subject"));
    }),
    { numRuns: 500 },
  );
});
