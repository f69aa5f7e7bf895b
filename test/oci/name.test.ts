import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { namespaceOf, parseRepositoryName, reservedNamespaces } from "../../src/oci/name.ts";
import { accepts, errorOf, isLower, isNumeral, nearly, textOver } from "./oracle.ts";
import { cpuMsOf } from "../support/cpu-time.ts";

/** Checks one path component character by character: runs of a-z0-9 joined by `.`, `_`, `__` or dashes. */
function isComponent(text: string): boolean {
  let separator = "";
  let isStarted = false;
  for (const char of text) {
    if (isLower(char) || isNumeral(char)) {
      const joins =
        ["", ".", "_", "__"].includes(separator) || Array.from(separator).every((c) => c === "-");
      if (!joins || (separator !== "" && !isStarted)) return false;
      separator = "";
      isStarted = true;
    } else if ("._-".includes(char)) separator += char;
    else return false;
  }
  return isStarted && separator === "";
}

/** The canonical name, or undefined if the name must be rejected. */
function judge(text: string): string | undefined {
  const components = text.split("/");
  if (!components.every(isComponent)) return undefined;
  const [first = "", second] = components;
  if (second === undefined) return text.length <= 255 ? `library/${text}` : undefined;
  if (first === "library" && components.length === 2)
    return second.length <= 255 ? text : undefined;
  return text.length <= 255 && !reservedNamespaces.has(first) ? text : undefined;
}

const component = fc
  .array(fc.tuple(textOver("az09", 6), fc.constantFrom(".", "_", "__", "-", "--", "---")), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.map(([run, joint], i) => (i === 0 ? "" : joint) + (run || "x")).join(""));

const first = fc.oneof(
  { weight: 4, arbitrary: component },
  { weight: 1, arbitrary: fc.constantFrom(...reservedNamespaces, "library", "docker.io", "v2") },
);

const valid = fc
  .tuple(first, fc.array(component, { maxLength: 3 }))
  .map(([head, rest]) => [head, ...rest].join("/"));

const long = fc
  .tuple(fc.constantFrom("", "library/", "a/", "library/a/"), fc.integer({ min: 245, max: 258 }))
  .map(([prefix, length]) => prefix + "b".repeat(length));

describe("a repository name", () => {
  test("is accepted exactly when the grammar allows it, and parsed into its canonical form", () => {
    fc.assert(
      fc.property(
        fc.oneof(valid, nearly(valid, "aA0/._- \n%"), textOver("a0._-/", 14), long),
        (text) => {
          const expected = judge(text);
          assert.equal(
            accepts("NAME_INVALID", () => parseRepositoryName(text)),
            expected !== undefined,
            text,
          );
          if (expected !== undefined) assert.equal(parseRepositoryName(text), expected);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("in canonical form is parsed unchanged", () => {
    fc.assert(
      fc.property(fc.oneof(valid, long), (text) => {
        if (judge(text) === undefined) return;
        const name = parseRepositoryName(text);
        assert.equal(parseRepositoryName(name), name);
      }),
    );
  });

  test("of one component is in the namespace library, also when it is a reserved word", () => {
    assert.equal(parseRepositoryName("alpine"), "library/alpine");
    assert.equal(parseRepositoryName("library/alpine"), "library/alpine");
    assert.equal(parseRepositoryName("library"), "library/library");
    assert.equal(parseRepositoryName("search"), "library/search");
    assert.equal(namespaceOf(parseRepositoryName("alpine")), "library");
  });

  test("has its first component as namespace", () => {
    assert.equal(namespaceOf(parseRepositoryName("docker.io/library/alpine")), "docker.io");
    assert.equal(namespaceOf(parseRepositoryName("team/app/blobs/tags")), "team");
  });

  test("is rejected if its first component is a reserved namespace, and only then", () => {
    for (const word of reservedNamespaces) {
      errorOf("NAME_INVALID", () => parseRepositoryName(`${word}/app`));
      errorOf("NAME_INVALID", () => parseRepositoryName(`${word}/a/b`));
      assert.equal(parseRepositoryName(`team/${word}`), `team/${word}`);
      assert.equal(parseRepositoryName(`${word}s0/app`), `${word}s0/app`);
    }
  });

  test("is accepted up to 255 characters and rejected above", () => {
    assert.equal(parseRepositoryName("a".repeat(255)), `library/${"a".repeat(255)}`);
    assert.equal(parseRepositoryName(`t/${"a".repeat(253)}`).length, 255);
    errorOf("NAME_INVALID", () => parseRepositoryName("a".repeat(256)));
    errorOf("NAME_INVALID", () => parseRepositoryName(`t/${"a".repeat(254)}`));
  });

  test("with a path traversal or an invalid character is rejected", () => {
    const refused = [
      "",
      "/",
      ".",
      "..",
      "a/../b",
      "../a",
      "a//b",
      "/a",
      "a/",
      "a/.",
      "a___b",
      "A/b",
    ];
    for (const text of [
      ...refused,
      "a..b",
      "a\n",
      "a b",
      "a%2fb",
      "é",
      "a:b",
      "a\0b",
      "_catalog",
    ]) {
      errorOf("NAME_INVALID", () => parseRepositoryName(text));
    }
  });

  test("of many repeated separators is rejected in linear time (< 500 ms of processor time)", () => {
    const allMs = cpuMsOf(() => {
      for (const piece of ["a-", "a", "-", "a__", "a/", "a.a-", "_"]) {
        errorOf("NAME_INVALID", () => parseRepositoryName(`${piece.repeat(500_000)}!`));
        errorOf("NAME_INVALID", () => parseRepositoryName(`${piece.repeat(254 / piece.length)}!`));
      }
    });
    assert.ok(allMs < 500);
  });
});
