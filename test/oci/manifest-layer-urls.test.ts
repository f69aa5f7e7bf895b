import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import * as types from "../../src/oci/media-types.ts";
import { bytesOf, descriptor, dockerImage, ociImage, type Body } from "./manifest-fixtures.ts";
import { accepts, errorOf } from "./oracle.ts";

/** Reads an image whose only layer has these URLs. */
const readLayerWith = (urls: readonly string[]) =>
  parseManifest(
    bytesOf({ ...ociImage, layers: [descriptor(types.OCI_LAYER, "x", { urls })] }),
    undefined,
  );
const refusedPath = (urls: readonly string[]): unknown => {
  const { detail } = errorOf("MANIFEST_INVALID", () => readLayerWith(urls));
  return (detail as { path?: string }).path;
};

/** Checks the scheme and the fragment of a URL without a URL parser. */
function isAllowedUrl(url: string): boolean {
  const scheme = url.slice(0, url.indexOf("://")).toLowerCase();
  return (scheme === "http" || scheme === "https") && !url.includes("#");
}

test("a layer with a URL that is not http or https, or that has a fragment, is rejected", () => {
  const url = fc
    .tuple(
      fc.constantFrom("http", "https", "HTTPS", "ftp", "file", "data", "javascript", "httpx", ""),
      fc.constantFrom("://example.com", "://example.com:5000", "://192.0.2.1", "://[2001:db8::1]"),
      fc.constantFrom("", "/", "/v2/x/blobs/sha256:aa", "/?a=b", "/%20"),
      fc.constantFrom("", "", "#", "#part"),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(url, { maxLength: 3 }), (urls) => {
      const isRead = accepts("MANIFEST_INVALID", () => readLayerWith(urls));
      assert.equal(isRead, urls.every(isAllowedUrl), urls.join(" "));
    }),
    { numRuns: 500 },
  );
  const hostless = [
    "http:example.com",
    "https://",
    "//example.com/x",
    "https://a b/",
    " https://a/",
  ];
  for (const text of [...hostless, "https://a/\n", "https://[x]/", "", "/x"]) {
    assert.equal(refusedPath(["https://a/", text]), "layers[0].urls[1]");
  }
});

const URLS = ["https://example.com/layer.tar.gz"];

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
