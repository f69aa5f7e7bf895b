import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { matchesIfNoneMatch } from "../../../src/http/registry/responses.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { cpuMsOf } from "../../support/cpu-time.ts";

const digest = digestOf(new Uint8Array([1]));
const others = [digestOf(new Uint8Array([2])), digestOf(new Uint8Array([1]), "sha512"), "x", "*"];

const spelling = fc.constantFrom(
  (tag: string) => `"${tag}"`,
  (tag: string) => `W/"${tag}"`,
  (tag: string) => tag,
);

describe("If-None-Match", () => {
  test("matches exactly when the list contains the digest, quoted, weak or bare", () => {
    const member = fc.tuple(fc.constantFrom(digest, ...others), spelling);
    const list = fc.array(member, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(list, fc.constantFrom(",", ", ", " , ", ",,"), (members, separator) => {
        const header = members.map(([tag, spell]) => spell(tag)).join(separator);
        const expected = members.some(([tag]) => tag === digest);
        assert.equal(matchesIfNoneMatch(header, digest), expected, header);
      }),
    );
  });

  test("matches every digest when it is *, and none when it is absent or empty", () => {
    assert.equal(matchesIfNoneMatch("*", digest), true);
    assert.equal(matchesIfNoneMatch(" * ", digest), true);
    assert.equal(matchesIfNoneMatch('"*"', digest), false);
    assert.equal(matchesIfNoneMatch(undefined, digest), false);
    assert.equal(matchesIfNoneMatch("", digest), false);
    assert.equal(matchesIfNoneMatch('""', digest), false);
  });

  test("does not match an entity tag that only contains the digest", () => {
    assert.equal(matchesIfNoneMatch(`"${digest}-gzip"`, digest), false);
    assert.equal(matchesIfNoneMatch(`"a,${digest},b"`, digest), false);
    assert.equal(matchesIfNoneMatch(digest.toUpperCase(), digest), false);
    assert.equal(matchesIfNoneMatch(digest.slice(0, -1), digest), false);
  });

  test("of 100,000 repeated pieces is parsed in linear time (< 500 ms of processor time)", () => {
    const allMs = cpuMsOf(() => {
      for (const piece of ['"', "W/", 'W/"', ",", " ", "a"]) {
        matchesIfNoneMatch(piece.repeat(100_000), digest);
      }
    });
    assert.ok(allMs < 500);
  });
});
