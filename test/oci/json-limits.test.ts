import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JsonBoundError, parseJson } from "../../src/oci/json.ts";
import {
  depthOf,
  document,
  encoder,
  hasDuplicate,
  isPortable,
  parse,
  refusalOf,
  textOf,
} from "./json-fixtures.ts";

/** A list that has this many values together with itself. */
const listOf = (values: number): string =>
  `[${Array(values - 1)
    .fill("{}")
    .join()}]`;

const objectOf = (keys: number): string =>
  `{${Array.from({ length: keys }, (_, key) => `"${key}":0`).join()}}`;

describe("the limits of the strict JSON parser", () => {
  test("accepts a document of depth n with maxDepth n, and rejects it with maxDepth n - 1", () => {
    fc.assert(
      fc.property(
        document.filter(([tree]) => !hasDuplicate(tree)),
        (input) => {
          const text = textOf(input);
          const depth = depthOf(input[0]);
          assert.doesNotThrow(() => parse(text, { maxDepth: depth }));
          if (depth === 0) return;
          assert.equal(refusalOf(text, { maxDepth: depth - 1 })[0], "nested too deeply");
        },
      ),
    );
  });

  test("accepts nesting of 64 levels, and rejects deeper nesting at the bracket that exceeds it", () => {
    assert.doesNotThrow(() => parse("[".repeat(64) + "]".repeat(64)));
    assert.deepEqual(refusalOf("[".repeat(65) + "]".repeat(65)), ["nested too deeply", 64]);
    assert.deepEqual(refusalOf('{"a":'.repeat(4_000_000)), ["nested too deeply", 64 * 5]);
  });

  for (const text of [
    ...["0", "-0", "9007199254740991", "-9007199254740991", "1e15", "1E+2", "0.1", "1e-300"],
    ...["5e-324", "0.30000000000000004", "1.50", "0e999", "-1.0e-0", "12.5e1"],
  ])
    test(`reads the number ${text}`, () => {
      assert.equal(parse(text), JSON.parse(text));
    });

  for (const text of [
    ...["9007199254740992", "-9007199254740993", "1e16", "1e400", "-1e400", "1e-400"],
    ...["0.1000000000000000055511151231257827", "9007199254740991.5", "123456789.123456789123"],
    ...[`0.${"0".repeat(4_000_000)}1`, `0.1${"0".repeat(4_000_000)}1`, "1".repeat(99)],
  ])
    test(`rejects the number ${text.slice(0, 40)} of ${text.length} characters, which is unsafe or loses precision`, () => {
      assert.deepEqual(refusalOf(`[${text}]`), ["number out of the safe range", 1]);
    });

  test("keeps every double that JSON.stringify writes, except unsafe integers", () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter(isPortable),
        (value) => {
          assert.equal(parse(JSON.stringify(value)), value + 0 === 0 ? 0 : value);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("accepts 50,000 values and rejects 50,001", () => {
    assert.doesNotThrow(() => parse(listOf(50_000)));
    assert.equal(refusalOf(listOf(50_001))[0], "more than 50000 values");
  });

  test("accepts 10,000 keys in one object and rejects 10,001", () => {
    assert.doesNotThrow(() => parse(objectOf(10_000)));
    assert.equal(refusalOf(objectOf(10_001))[0], "more than 10000 keys in one object");
  });

  test("are reported as JsonBoundError", () => {
    assert.throws(() => parse(listOf(5), { maxValues: 4 }), JsonBoundError);
  });
});

test("the parser that is not strict throws JsonBoundError above the given limits", () => {
  assert.throws(() => parseJson(encoder.encode(listOf(5)), { maxValues: 4 }), JsonBoundError);
  assert.throws(() => parseJson(encoder.encode(objectOf(3)), { maxKeys: 2 }), JsonBoundError);
  assert.throws(() => parseJson(encoder.encode("[[[]]]"), { maxDepth: 2 }), JsonBoundError);
});
