import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as types from "../../src/oci/media-types.ts";
import { isLower, isNumeral, isUpper, nearly, textOver } from "./oracle.ts";

const { bareMediaType, isImageConfig, manifestKindOf } = types;

/** Checks the text before the first semicolon against RFC 6838, section 4.2, character by character. */
function judge(header: string): string | undefined {
  const [bare = ""] = header.split(";");
  const [type = "", subtype = "", ...more] = bare.trim().split("/");
  return more.length === 0 && isRestricted(type) && isRestricted(subtype) ? bare.trim() : undefined;
}

function isRestricted(name: string): boolean {
  if (name.length < 1 || name.length > 127) return false;
  return Array.from(name).every((char, i) => {
    if (isLower(char) || isUpper(char) || isNumeral(char)) return true;
    return i > 0 && "!#$&-^_.+".includes(char);
  });
}

const known = fc.constantFrom(types.OCI_MANIFEST, types.DOCKER_MANIFEST_LIST, "text/plain", "a/b");
const parameters = fc.constantFrom("", ";", "; charset=utf-8", ';q="a/b;c"', " ; a=b ; c=d");

describe("a media type", () => {
  test("is read from a header exactly when the header has a valid type/subtype", () => {
    const header = fc
      .tuple(fc.constantFrom("", " ", "\t"), nearly(known, 'aZ0/;,+ "*\n'), parameters)
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(header, textOver("aA0/+.-; ", 8), fc.string()), (text) => {
        assert.equal(bareMediaType(text), judge(text));
      }),
      { numRuns: 1000 },
    );
  });

  test("is read without parameters and with its case unchanged", () => {
    assert.equal(bareMediaType(" Application/JSON; charset=utf-8 "), "Application/JSON");
    for (const text of [
      "",
      "json",
      "a/b/c",
      "*/*",
      "a/b, c/d",
      "/",
      "a/",
      `a/${"b".repeat(128)}`,
    ]) {
      assert.equal(bareMediaType(text), undefined, text);
    }
  });
});

test("the media type determines the manifest kind, in lower and upper case", () => {
  const kinds = new Map([
    [types.OCI_MANIFEST, "image"],
    [types.DOCKER_MANIFEST, "image"],
    [types.OCI_INDEX, "index"],
    [types.DOCKER_MANIFEST_LIST, "index"],
    [types.DOCKER_SCHEMA1, "schema1"],
    [types.DOCKER_SCHEMA1_SIGNED, "schema1"],
    [types.OCI_ARTIFACT_MANIFEST, "opaque"],
    [types.OCI_IMAGE_CONFIG, "opaque"],
    ["application/vnd.example+json", "opaque"],
    ["constructor", "opaque"],
  ]);
  for (const [mediaType, kind] of kinds) {
    assert.equal(manifestKindOf(mediaType), kind);
    assert.equal(manifestKindOf(mediaType.toUpperCase()), kind);
  }
});

test("only the image configs of Docker and OCI are image configs, not those of plugins and artifacts", () => {
  const configs = Object.values(types)
    .filter((value) => typeof value === "string")
    .filter(isImageConfig);
  assert.deepEqual(configs.toSorted(), [types.DOCKER_IMAGE_CONFIG, types.OCI_IMAGE_CONFIG]);
});
