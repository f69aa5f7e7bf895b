import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseTag } from "../../src/oci/reference.ts";
import { matcherOf, parseTagPatterns } from "../../src/oci/tag-patterns.ts";

const matches = async (patterns: readonly string[], tag: string): Promise<boolean> =>
  (await matcherOf(await parseTagPatterns(patterns)))(parseTag(tag));

describe("tag patterns", () => {
  test("match a tag when any pattern matches the whole tag", async () => {
    const patterns = ["v\\d+", "stable|beta"];
    for (const tag of ["v1", "v22", "stable", "beta"]) assert.ok(await matches(patterns, tag), tag);
    for (const tag of ["v", "xv1", "v1x", "unstable", "beta1"])
      assert.equal(await matches(patterns, tag), false, tag);
  });

  test("match every tag when the list is empty", async () => {
    assert.ok(await matches([], "anything"));
  });

  test("are rejected with the reason if RE2 rejects them, if one is too long or if there are too many", async () => {
    for (const [pattern, reason] of [
      ["(", /missing closing/],
      ["(?=a)", /invalid or unsupported Perl syntax/],
      ["(a)\\1", /invalid escape sequence/],
      ["(a{1000}){1000}", /invalid repeat count/],
      ["a{1000}b{1000}c", /repeats too much/],
      ["", /1 to 256 characters/],
      ["a".repeat(257), /1 to 256 characters/],
    ] as const)
      await assert.rejects(parseTagPatterns([pattern]), { code: "TAG_INVALID", message: reason });
    const many = Array.from({ length: 101 }, () => "a");
    await assert.rejects(parseTagPatterns(many), /at most 100/);
  });

  test("do not hang on a tag that causes catastrophic backtracking in other engines", async () => {
    const pattern = "(a+)+(b+)+c";
    assert.equal(await matches([pattern], "a".repeat(64) + "b".repeat(64)), false);
  });
});
