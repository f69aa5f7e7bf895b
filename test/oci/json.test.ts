import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  JsonBoundError,
  JsonError,
  isJsonObject,
  parseJson,
  parseStrictJson,
  type JsonBounds,
} from "../../src/oci/json.ts";
import { nearly, textOver } from "./oracle.ts";

const encoder = new TextEncoder();

function parse(text: string, bounds?: Partial<JsonBounds>): unknown {
  return parseStrictJson(encoder.encode(text), bounds);
}

/** The text after encoding as UTF-8: a lone surrogate becomes U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** The reason and the position of the JSON error; fails if the parser accepts the input. */
function refusalOf(bytes: Uint8Array | string, bounds?: Partial<JsonBounds>): [string, number] {
  try {
    parseStrictJson(typeof bytes === "string" ? encoder.encode(bytes) : bytes, bounds);
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return [error.message.replace(/ at byte \d+$/, ""), error.position];
  }
  return assert.fail(`accepted: ${String(bytes).slice(0, 100)}`);
}

/** A JSON document as a tree. An object may have duplicate keys. */
type Node =
  | { readonly kind: "scalar"; readonly value: string | number | boolean | null }
  | { readonly kind: "array"; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, Node])[] };

const key = fc.oneof(fc.constantFrom("", "a", "b", '"', "\\", "é", "__proto__", "\0"), fc.string());

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc
      .oneof(fc.string({ unit: "binary" }), fc.boolean(), fc.constant(null), fc.maxSafeInteger())
      .map((value): Node => ({ kind: "scalar", value })),
    fc.array(tie("node"), { maxLength: 4 }).map((items): Node => ({ kind: "array", items })),
    fc
      .array(fc.tuple(key, tie("node")), { maxLength: 4 })
      .map((entries): Node => ({ kind: "object", entries })),
  ),
}));

function hasDuplicate(tree: Node): boolean {
  if (tree.kind === "scalar") return false;
  if (tree.kind === "array") return tree.items.some(hasDuplicate);
  const keys = tree.entries.map(([name]) => name);
  return (
    keys.some((name, i) => keys.indexOf(name) !== i) ||
    tree.entries.some(([, value]) => hasDuplicate(value))
  );
}

function valueOf(tree: Node): unknown {
  if (tree.kind === "scalar")
    return typeof tree.value === "string" ? wellFormed(tree.value) : tree.value;
  if (tree.kind === "array") return tree.items.map(valueOf);
  return Object.fromEntries(tree.entries.map(([name, value]) => [name, valueOf(value)]));
}

function depthOf(tree: Node): number {
  if (tree.kind === "scalar") return 0;
  const below = tree.kind === "array" ? tree.items : tree.entries.map(([, value]) => value);
  return 1 + Math.max(0, ...below.map(depthOf));
}

/** The tree as text. `next` chooses the white space and the escapes. */
function render(tree: Node, next: () => number): string {
  const space = (): string => ["", "", " ", "\n\t", "\r"][next() % 5] ?? "";
  const spell = (text: string): string => {
    if (next() % 2 === 0) return JSON.stringify(text);
    const escapes = Array.from({ length: text.length }, (_, i) =>
      text.charCodeAt(i).toString(16).padStart(4, "0"),
    );
    return `"${escapes.map((code) => `\\u${code}`).join("")}"`;
  };
  const list = (parts: readonly string[]): string =>
    parts.map((part) => space() + part + space()).join(",") || space();
  if (tree.kind === "array") return `[${list(tree.items.map((item) => render(item, next)))}]`;
  if (tree.kind === "object") {
    const entries = tree.entries.map(
      ([name, value]) => `${spell(name)}${space()}:${space()}${render(value, next)}`,
    );
    return `{${list(entries)}}`;
  }
  return typeof tree.value === "string" ? spell(tree.value) : JSON.stringify(tree.value);
}

const document = fc.tuple(node, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }));

function textOf([tree, choices]: readonly [Node, readonly number[]]): string {
  let i = 0;
  return render(tree, () => choices[i++ % choices.length] ?? 0);
}

/** Whether all integers in the value are safe integers, which every JSON reader can represent. */
function isPortable(value: unknown): boolean {
  if (typeof value === "number") return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isPortable);
}

describe("the strict JSON parser", () => {
  test("returns the same value as JSON.parse for any JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue().filter(isPortable), fc.nat({ max: 3 }), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        assert.deepEqual(parse(text), JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test("rejects a document exactly when an object has a duplicate key, also escaped or nested", () => {
    fc.assert(
      fc.property(document, ([tree, choices]) => {
        const text = textOf([tree, choices]);
        if (hasDuplicate(tree)) return assert.match(refusalOf(text)[0], /^duplicate key/);
        return assert.deepEqual(parse(text), valueOf(tree));
      }),
      { numRuns: 500 },
    );
  });

  test("rejects a duplicate key inserted into any object", () => {
    const clean = document.filter(([tree]) => tree.kind === "object" && !hasDuplicate(tree));
    fc.assert(
      fc.property(clean, fc.nat(), (input, seed) => {
        const text = textOf(input);
        const opening = [...text.matchAll(/"(?:[^"\\]|\\.)*"|\{/g)].filter(([at]) => at === "{");
        const at = opening[seed % opening.length]?.index ?? 0;
        const rest = text.slice(at + 1);
        const comma = rest.trimStart().startsWith("}") ? "" : ",";
        const twice = `${text.slice(0, at)}{"\\u0064up":1,"dup":2${comma}${rest}`;
        assert.doesNotThrow(() => JSON.parse(twice));
        assert.match(refusalOf(twice)[0], /^duplicate key/);
      }),
      { numRuns: 300 },
    );
  });

  test("rejects texts that JSON.parse rejects, and otherwise only duplicate keys and unsafe numbers", () => {
    const candidates = fc.oneof(
      nearly(document.map(textOf), '{}[]:,"\\0-.eEtu \n\u00a0\ufeff'),
      textOver('[]{},:"a1 ', 10),
      textOver("-+.eE019", 8),
      textOver('\\"u00Dfn/', 9).map((text) => `"${text}"`),
      fc.constantFrom(
        "true",
        "tru",
        "null ",
        "nullx",
        "NaN",
        "",
        "-",
        "1.",
        ".1",
        "01",
        '"\t"',
        "[1,]",
      ),
    );
    fc.assert(
      fc.property(candidates.map(wellFormed), (text) => {
        let expected: { value: unknown } | undefined;
        try {
          expected = { value: JSON.parse(text) };
        } catch {
          // JSON.parse rejects the text
        }
        if (expected === undefined) return void refusalOf(text);
        try {
          const value = parse(text);
          // JSON.parse reads escaped keys incorrectly (see the test of escaped keys below).
          if (!text.includes("\\")) assert.deepEqual(value, expected.value);
        } catch (error) {
          assert.ok(error instanceof JsonError, String(error));
          assert.match(error.message, /^(duplicate key|number out of the safe range)/, text);
        }
        return undefined;
      }),
      { numRuns: 1500 },
    );
  });

  test("accepts nesting up to the limit of 64 levels and rejects deeper nesting", () => {
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
    assert.doesNotThrow(() => parse("[".repeat(64) + "]".repeat(64)));
    assert.deepEqual(refusalOf("[".repeat(65) + "]".repeat(65)), ["nested too deeply", 64]);
    assert.deepEqual(refusalOf('{"a":'.repeat(4_000_000)), ["nested too deeply", 64 * 5]);
  });

  test("rejects integers outside the safe range and numbers that would lose precision", () => {
    const held = [
      "0",
      "-0",
      "9007199254740991",
      "-9007199254740991",
      "1e15",
      "1E+2",
      "0.1",
      "1e-300",
    ];
    for (const text of [
      ...held,
      "5e-324",
      "0.30000000000000004",
      "1.50",
      "0e999",
      "-1.0e-0",
      "12.5e1",
    ]) {
      assert.equal(parse(text), JSON.parse(text), text);
    }
    const lost = ["9007199254740992", "-9007199254740993", "1e16", "1e400", "-1e400", "1e-400"];
    const long = [
      "0.1000000000000000055511151231257827",
      `0.${"0".repeat(4_000_000)}1`,
      `0.1${"0".repeat(4_000_000)}1`,
      "1".repeat(99),
    ];
    for (const text of [...lost, ...long, "9007199254740991.5", "123456789.123456789123"]) {
      assert.deepEqual(
        refusalOf(`[${text}]`),
        ["number out of the safe range", 1],
        text.slice(0, 40),
      );
    }
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

  test("rejects a byte order mark", () => {
    assert.deepEqual(refusalOf("\ufeff{}"), ["byte order mark", 0]);
    assert.deepEqual(refusalOf(" \ufeff{}"), ["unexpected character", 1]);
    assert.equal(parse('"\ufeff"'), "\ufeff");
  });

  test("rejects invalid UTF-8 and UTF-16", () => {
    const sequences = [
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0xf5, 0x80, 0x80, 0x80],
    ];
    for (const sequence of sequences) {
      const bytes = Uint8Array.from([0x22, 0x61, ...sequence, 0x22]);
      assert.deepEqual(refusalOf(bytes), ["invalid UTF-8", 2]);
    }
    assert.equal(refusalOf(Buffer.from('{"a":1}', "utf16le"))[1], 1);
    assert.equal(parse('"é漢😀"'), "é漢😀");
  });

  test("rejects bytes after the value and an unexpected end", () => {
    assert.deepEqual(parse(" {} \n"), {});
    for (const text of ["{}{}", "{} x", "1 2", "[]\0", "null,"]) {
      assert.equal(refusalOf(text)[0], "trailing bytes");
    }
    for (const text of ["", " ", "{", "[1", '{"a"', '{"a":']) {
      assert.deepEqual(refusalOf(text), ["unexpected end", text.length]);
    }
    assert.deepEqual(refusalOf('"abc'), ["unterminated string", 4]);
  });

  test("rejects control characters in a string unless they are escaped", () => {
    for (let code = 0; code < 0x20; code += 1) {
      const text = String.fromCharCode(code);
      assert.deepEqual(refusalOf(`"${text}"`), ["control character in a string", 1]);
      assert.equal(parse(JSON.stringify(text)), text);
    }
  });

  test("reports the byte offset of an error", () => {
    assert.deepEqual(refusalOf('{"é":1,"é":2}'), ['duplicate key "é"', 8]);
    assert.deepEqual(refusalOf('{"a":1,}'), ["unexpected character", 7]);
    assert.deepEqual(refusalOf('["a\nb"]'), ["control character in a string", 3]);
    assert.deepEqual(refusalOf('["\\x"]'), ["invalid escape in a string", 2]);
    assert.ok(refusalOf(`{"${"k".repeat(9999)}":1,"${"k".repeat(9999)}":2}`)[0].length < 100);
  });

  test("returns __proto__ as a plain key and leaves the prototype unchanged", () => {
    const value = parse('{"__proto__":{"polluted":true}}');
    assert.ok(isJsonObject(value));
    assert.deepEqual(Object.keys(value), ["__proto__"]);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    refusalOf('{"__proto__":1,"__proto__":2}');
  });

  test("reads escaped keys correctly after JSON.parse has read other documents", () => {
    // Node 24 and 26 read the second document with the keys of the first (https://github.com/nodejs/node/issues/63785).
    const known = [
      ['{"h":[],"\\\\":0}', '{"h":1,"\\"":2}', { h: 1, '"': 2 }],
      ['{"h":[],"\\\\":0}', '{"h":1,"\\n":2}', { h: 1, "\n": 2 }],
      ['{"a":{},"\\\\":0}', '{"a":1,"\\u0073ubject":2}', { a: 1, subject: 2 }],
    ] as const;
    for (const [before, text, expected] of known) {
      JSON.parse(before);
      assert.deepEqual(parse(text), expected);
      assert.deepEqual(parseJson(encoder.encode(text)), expected);
    }
    const clean = document.filter(([tree]) => !hasDuplicate(tree));
    fc.assert(
      fc.property(fc.array(clean, { minLength: 1, maxLength: 8 }), (inputs) => {
        for (const input of inputs) JSON.parse(textOf(input));
        for (const input of inputs) {
          const text = textOf(input);
          const expected = valueOf(input[0]);
          assert.deepEqual(parse(text), expected);
          assert.deepEqual(parseJson(encoder.encode(text)), expected);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("rejects documents with more than 50,000 values or 10,000 keys in one object", () => {
    const list = (values: number): string =>
      `[${Array(values - 1)
        .fill("{}")
        .join()}]`;
    const object = (keys: number): string =>
      `{${Array.from({ length: keys }, (_, key) => `"${key}":0`).join()}}`;
    assert.doesNotThrow(() => parse(list(50_000)));
    assert.equal(refusalOf(list(50_001))[0], "more than 50000 values");
    assert.doesNotThrow(() => parse(object(10_000)));
    assert.equal(refusalOf(object(10_001))[0], "more than 10000 keys in one object");
    assert.throws(() => parse(list(5), { maxValues: 4 }), JsonBoundError);
    assert.throws(() => parseJson(encoder.encode(list(5)), { maxValues: 4 }), JsonBoundError);
    assert.throws(() => parseJson(encoder.encode(object(3)), { maxKeys: 2 }), JsonBoundError);
    assert.throws(() => parseJson(encoder.encode("[[[]]]"), { maxDepth: 2 }), JsonBoundError);
  });
});

describe("the JSON parser that is not strict", () => {
  test("returns the value of JSON.parse, and rejects a text that JSON.parse rejects", () => {
    const candidates = fc.oneof(
      document.map(textOf),
      nearly(document.map(textOf), '{}[]:,"\\0-.eEtu \n\u00a0\ufeff'),
      textOver('[]{},:"a1 ', 10),
      textOver("-+.eE019", 8),
    );
    fc.assert(
      fc.property(candidates.map(wellFormed), (text) => {
        // Texts with escapes are skipped, because JSON.parse reads escaped keys incorrectly.
        if (text.includes("\\")) return;
        let expected: { value: unknown } | undefined;
        try {
          expected = { value: JSON.parse(text) };
        } catch {
          // JSON.parse rejects the text
        }
        if (expected === undefined)
          assert.throws(() => parseJson(encoder.encode(text)), JsonError, text);
        else assert.deepEqual(parseJson(encoder.encode(text)), expected.value);
      }),
      { numRuns: 1000 },
    );
  });
});

test("a JSON object is neither null, nor an array, nor a scalar", () => {
  assert.ok(isJsonObject({}));
  for (const value of [null, undefined, [], "a", 1, true]) assert.ok(!isJsonObject(value));
});
