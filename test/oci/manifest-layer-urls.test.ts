import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import { OCI_LAYER } from "../../src/oci/media-types.ts";
import { bytesOf, descriptor, ociImage } from "./manifest-fixtures.ts";
import { accepts, errorOf } from "./oracle.ts";

/** Reads an image whose only layer has these URLs. */
const readLayerWith = (urls: readonly string[]) =>
  parseManifest(
    bytesOf({ ...ociImage, layers: [descriptor(OCI_LAYER, "x", { urls })] }),
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
