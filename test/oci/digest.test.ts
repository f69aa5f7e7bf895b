import fc from "fast-check";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import {
  algorithmOf,
  createDigester,
  digestOf,
  encodedOf,
  isDigest,
  isEmptyDigest,
  parseDigest,
  parseDigestAlgorithm,
} from "../../src/oci/digest.ts";
import { errorOf, isHex, isLower, isNumeral, isUpper, nearly, textOver } from "./oracle.ts";

type Verdict = "valid" | "grammar" | "algorithm" | "hex";

/** Checks the digest grammar of the image specification character by character. */
function judge(text: string): Verdict {
  const colon = text.indexOf(":");
  if (colon === -1) return "grammar";
  const algorithm = text.slice(0, colon);
  const encoded = text.slice(colon + 1);

  let wantsComponent = true;
  for (const char of algorithm) {
    if (isLower(char) || isNumeral(char)) wantsComponent = false;
    else if ("+._-".includes(char) && !wantsComponent) wantsComponent = true;
    else return "grammar";
  }
  if (wantsComponent || encoded === "") return "grammar";
  for (const char of encoded) {
    if (!isLower(char) && !isUpper(char) && !isNumeral(char) && !"=_-".includes(char)) {
      return "grammar";
    }
  }
  const length = new Map([
    ["sha256", 64],
    ["sha512", 128],
  ]).get(algorithm);
  if (length === undefined) return "algorithm";
  return encoded.length === length && Array.from(encoded).every(isHex) ? "valid" : "hex";
}

const MESSAGES: Readonly<Record<Exclude<Verdict, "valid">, RegExp>> = {
  grammar: /algorithm:encoded/,
  algorithm: /unsupported/,
  hex: /hex characters/,
};

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...Array.from("0123456789abcdef")),
    minLength: length,
    maxLength: length,
  });

const valid = fc.oneof(
  hex(64).map((encoded) => `sha256:${encoded}`),
  hex(128).map((encoded) => `sha512:${encoded}`),
);

const candidates = fc.oneof(
  valid,
  nearly(valid),
  fc
    .tuple(textOver("a0+._-", 8), textOver("aF0=_-:", 8))
    .map(([algorithm, encoded]) => `${algorithm}:${encoded}`),
  fc
    .tuple(fc.constantFrom("sha256", "sha512", "sha384", "SHA256", "blake3"), hex(64))
    .map(([algorithm, encoded]) => `${algorithm}:${encoded}`),
  fc.string(),
);

describe("a digest", () => {
  test("is valid exactly when its grammar, its algorithm and its hex are valid", () => {
    fc.assert(
      fc.property(candidates, (text) => {
        const decision = judge(text);
        assert.equal(isDigest(text), decision === "valid");
        if (decision === "valid") return assert.equal(parseDigest(text), text);
        const error = errorOf("DIGEST_INVALID", () => parseDigest(text));
        assert.match(error.message, MESSAGES[decision]);
        return assert.equal(error.status, 400);
      }),
      { numRuns: 1000 },
    );
  });

  test("with upper-case hex, a line end or a wrong length is rejected, and the error stays short", () => {
    const encoded = "A".repeat(64);
    errorOf("DIGEST_INVALID", () => parseDigest(`sha256:${encoded}`));
    errorOf("DIGEST_INVALID", () => parseDigest(`sha256:${"a".repeat(64)}\n`));
    errorOf("DIGEST_INVALID", () => parseDigest("sha256:baddigeststring"));
    const { detail } = errorOf("DIGEST_INVALID", () => parseDigest("a".repeat(1_000_000)));
    assert.ok(JSON.stringify(detail).length < 1000);
  });

  test("consists of its algorithm and its hex", () => {
    fc.assert(
      fc.property(valid, (text) => {
        const digest = parseDigest(text);
        assert.equal(`${algorithmOf(digest)}:${encodedOf(digest)}`, text);
      }),
    );
  });

  test("of bytes equals the result of the hash function, in one piece or in many", () => {
    const algorithm = fc.constantFrom("sha256" as const, "sha512" as const);
    fc.assert(
      fc.property(algorithm, fc.array(fc.uint8Array()), (name, pieces) => {
        const whole = Buffer.concat(pieces);
        const expected = `${name}:${createHash(name).update(whole).digest("hex")}`;
        const digester = createDigester(name);
        for (const piece of pieces) digester.update(piece);
        assert.equal(digester.digest(), expected);
        assert.equal(digestOf(whole, name), expected);
      }),
    );
  });

  test("of bytes is sha256 by default", () => {
    assert.equal(
      digestOf(new TextEncoder().encode("abc")),
      "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  test("of zero bytes is recognized as the empty digest for both algorithms", () => {
    assert.ok(isEmptyDigest(digestOf(new Uint8Array(), "sha256")));
    assert.ok(isEmptyDigest(digestOf(new Uint8Array(), "sha512")));
    assert.ok(!isEmptyDigest(digestOf(new Uint8Array(1))));
    assert.equal(
      digestOf(new Uint8Array()),
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
  });
});

test("a digest algorithm is sha256 or sha512 in lower case, and others are rejected", () => {
  assert.equal(parseDigestAlgorithm("sha256"), "sha256");
  assert.equal(parseDigestAlgorithm("sha512"), "sha512");
  for (const text of ["", "sha1", "SHA256", "sha256 ", "sha384", "md5", "constructor"]) {
    errorOf("DIGEST_INVALID", () => parseDigestAlgorithm(text));
  }
});
