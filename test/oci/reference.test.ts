import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { fallbackTagOf, parseReference, parseTag } from "../../src/oci/reference.ts";
import { accepts, errorOf, isLower, isNumeral, isUpper, nearly, textOver } from "./oracle.ts";

function isTag(text: string): boolean {
  if (text.length < 1 || text.length > 128) return false;
  return Array.from(text).every((char, i) => {
    if (isLower(char) || isUpper(char) || isNumeral(char) || char === "_") return true;
    return i > 0 && (char === "." || char === "-");
  });
}

const candidates = fc.oneof(
  textOver("aZ0_.-", 10),
  nearly(textOver("aZ0_.-", 10), "a/ \n@é+"),
  fc.integer({ min: 120, max: 135 }).map((length) => "v".repeat(length)),
  fc.string(),
);

describe("a tag", () => {
  test("is accepted exactly when the grammar allows it", () => {
    fc.assert(
      fc.property(candidates, (text) => {
        assert.equal(
          accepts("TAG_INVALID", () => parseTag(text)),
          isTag(text),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test("is accepted up to 128 characters and rejected above", () => {
    assert.equal(parseTag("a".repeat(128)).length, 128);
    assert.equal(errorOf("TAG_INVALID", () => parseTag("a".repeat(129))).status, 400);
  });
});

describe("a reference", () => {
  test("with a colon is a digest or DIGEST_INVALID, and without a colon a tag or TAG_INVALID", () => {
    fc.assert(
      fc.property(fc.oneof(candidates, nearly(fc.constant(digestOf(new Uint8Array())))), (text) => {
        const hasColon = text.includes(":");
        const isRead = accepts(hasColon ? "DIGEST_INVALID" : "TAG_INVALID", () =>
          parseReference(text),
        );
        if (isRead) assert.equal(parseReference(text).kind, hasColon ? "digest" : "tag");
      }),
      { numRuns: 1000 },
    );
  });

  test("has the kind and the value of the parsed digest or tag", () => {
    const digest = digestOf(new Uint8Array(), "sha512");
    assert.deepEqual(parseReference(digest), { kind: "digest", digest });
    assert.deepEqual(parseReference("latest"), { kind: "tag", tag: "latest" });
    assert.deepEqual(parseReference("sha256-abc.sig"), { kind: "tag", tag: "sha256-abc.sig" });
    errorOf("DIGEST_INVALID", () => parseReference("sha256:baddigeststring"));
  });
});

test("the fallback tag of a digest is algorithm, dash, and at most 64 hex characters", () => {
  const content = new TextEncoder().encode("{}");
  const sha256 = digestOf(content, "sha256");
  const sha512 = digestOf(content, "sha512");
  assert.equal(fallbackTagOf(sha256), sha256.replace(":", "-"));
  assert.equal(fallbackTagOf(sha512), sha512.replace(":", "-").slice(0, "sha512-".length + 64));
});
